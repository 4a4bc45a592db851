"""Labelling in a real browser: by keys alone, every label on the disk, and usable by everybody."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.folders.label_file import label_file_of, read_labels
from tests.commands.folders.places import picture
from tests.equipment.accessibility import cut_off, findings, overflowing, small_targets
from tests.equipment.browser import Browser, Keys, why_not
from tests.equipment.served import ServedPage, label_command, served_by
from tests.review.window import DESKTOP, PHONE, SIZES, as_it_was, prefer, resize

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # selenium's own sockets
]
WORDS = ".name, .options .of, .hint, .buttons button, h2, dt, dd, .empty p"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures, the last of which was labelled already."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.png").write_bytes(picture(number, red=number % 2 == 0))
    return folder


@pytest.fixture
def served(folder: Path, tmp_path: Path) -> Iterator[ServedPage]:
    with served_by(label_command(folder, tmp_path / "no-gallery"), folder) as page:
        yield page


@pytest.fixture
def page(window: Browser, served: ServedPage) -> Browser:
    window.driver.get("about:blank")
    window.complaints()
    window.driver.get(served.url)
    asked(window, "0.png")
    return window


def asked(page: Browser, name: str) -> None:
    page.until(lambda: page.text("#name") == name and page.all("#picture.there"), name)


def labels(folder: Path) -> dict[str, str]:
    return {path: one.label for path, one in read_labels(label_file_of(folder)).items()}


def options(page: Browser) -> list[str]:
    script = "return [...document.querySelectorAll('#options li')].map(one => one.innerText.trim())"
    return list(page.run(script))  # in one go: the list is drawn anew at every key


def test_keys_alone_name_every_picture_and_undo_takes_one_back(page: Browser, folder: Path, served: ServedPage) -> None:
    page.keys(*"+Ned Flanders", Keys.ENTER)
    asked(page, "1.png")
    assert labels(folder) == {"0.png": "ned_flanders"}
    page.keys(*"fla", Keys.ENTER)
    asked(page, "2.png")
    page.keys("-")
    asked(page, "3.png")
    assert labels(folder) == {"0.png": "ned_flanders", "1.png": "ned_flanders", "2.png": "nobody"}

    page.keys("<")
    asked(page, "2.png")
    assert labels(folder) == {"0.png": "ned_flanders", "1.png": "ned_flanders"}
    page.keys(".")
    asked(page, "3.png")
    page.keys(*"ned", Keys.ENTER)
    page.until(lambda: "1 picture skipped" in page.text("#finished"), "the end")
    page.keys(Keys.ENTER)
    asked(page, "2.png")
    page.keys("-")
    page.until(lambda: "All 4 pictures are labelled" in page.text("#finished"), "the end")
    assert page.complaints() == []
    assert served.stop(signal.SIGINT) == 0
    assert labels(folder)["2.png"] == "nobody"


def test_a_slip_makes_no_class(page: Browser, folder: Path) -> None:
    page.keys(*"lisa")
    page.until(lambda: options(page) == ["New class: lisa"], "what it would make")
    page.keys(Keys.ENTER)
    assert labels(folder) == {}
    page.keys(Keys.ARROW_DOWN, Keys.ENTER)
    asked(page, "1.png")
    assert labels(folder) == {"0.png": "lisa"}


def test_what_cannot_be_a_class_is_said_and_a_label_elsewhere_is_not_overwritten(
    page: Browser, folder: Path, served: ServedPage
) -> None:
    page.keys(*"+../x")
    page.until(lambda: "cannot be a class" in page.text("#hint"), "why not")
    page.keys(Keys.ESCAPE)
    page.complaints()  # the refusal itself
    served.post("/api/labels", {"number": 0, "label": "bart", "seen": ""})
    page.keys("-")
    page.until(lambda: "labelled bart elsewhere" in page.text("#notice"), "the other label")
    assert labels(folder) == {"0.png": "bart"}


def test_a_closed_program_loses_no_answer_unseen(page: Browser, folder: Path, served: ServedPage) -> None:
    assert served.stop(signal.SIGINT) == 3
    page.keys("-")
    page.until(lambda: "Not saved: the program does not answer" in page.text("#notice"), "that it is not saved")
    assert page.text("#name") == "0.png"


def typing(page: Browser) -> None:
    page.keys(*"+" + "a_long_name_" * 5)
    page.until(lambda: page.all("#options li"), "the new class")


def labelled(page: Browser) -> None:
    page.keys("-")
    asked(page, "1.png")
    page.keys(Keys.ARROW_LEFT)
    asked(page, "0.png")


def ended(page: Browser) -> None:
    for following in ("1.png", "2.png", "3.png"):
        page.keys(".")
        asked(page, following)
    page.keys(".")
    page.until(lambda: page.text("#finished"), "the end")


STATES = {
    "a question": lambda page: None,
    "a new class": typing,
    "a labelled picture": labelled,
    "the help": lambda page: page.keys("?"),
    "the end": ended,
}


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_nothing_leaves_the_window(page: Browser, state: str) -> None:
    STATES[state](page)
    with as_it_was(page):
        for size, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark")):
            resize(page, size)
            prefer(page, scheme)
            assert findings(page) == [], (size, scheme)
        for size in SIZES:
            resize(page, size)
            assert (overflowing(page), cut_off(page, WORDS), small_targets(page)) == ([], [], []), size
