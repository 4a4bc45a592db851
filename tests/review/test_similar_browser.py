"""Similar pictures in headless Chromium: by a key on a post, and by a picture that is chosen or dropped."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.classifier.tiny_models import make_backbone
from tests.commands.folders.places import picture
from tests.commands.retrieval.galleries import looked_at
from tests.equipment.browser import Browser, Keys, why_not
from tests.equipment.served import ServedPage, serving
from tests.review.window import PHONE, as_it_was, resize

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # selenium's own sockets
]
DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (one) => one.charCodeAt(0));
const data = new DataTransfer();
data.items.add(new File([bytes], arguments[1]));
for (const kind of ["dragenter", "dragover", arguments[2]])
  document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
"""


@pytest.fixture(scope="module")
def red_and_blue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    """A page over pictures that a real, tiny network has looked at."""
    folder = tmp_path_factory.mktemp("similar")
    with serving(looked_at(folder / "root", make_backbone(folder / "backbone"))) as page:
        yield page


@pytest.fixture
def page(window: Browser, red_and_blue: ServedPage) -> Browser:
    window.driver.get("about:blank")
    window.complaints()
    window.open(red_and_blue.url)
    window.until(lambda: window.text(".tile.current .score"), "the first card")
    return window


def test_a_key_shows_pictures_like_a_post_and_another_one_goes_back(page: Browser) -> None:
    whole = page.text("#position").partition(" of ")[2]

    page.keys("s")
    page.until(lambda: "like post" in page.text("#notice"), "similar pictures")

    assert "the most alike first. Shows " in page.text("#notice")
    assert page.text("#position") == "1 of 39"
    assert "likeness" in page.text(".tile.current .why")
    page.keys("r")
    page.until(lambda: page.text("#position").endswith(f" of {whole}"), "the list is back")
    assert not page.one("#notice").is_displayed()
    assert page.complaints() == []


def test_a_chosen_picture_is_compared_with_every_one(page: Browser, tmp_path: Path) -> None:
    unknown = tmp_path / "unknown.png"
    unknown.write_bytes(picture(70, red=True))

    page.one("#picture-file").send_keys(str(unknown))
    page.until(lambda: "like unknown.png" in page.text("#notice"), "similar pictures")

    assert "Shows mona (genshin impact)" in page.text("#notice")
    page.keys(Keys.ENTER)
    page.until(lambda: "Shows mona" in page.text("#big .more"), "whom it shows")
    page.keys(Keys.ESCAPE)
    assert page.complaints() == []


def test_a_picture_is_dropped_anywhere(page: Browser) -> None:
    content = base64.b64encode(picture(71, red=False)).decode()

    page.run(DROP, content, "dropped.png", "dragover")
    assert page.one("#drop-hint").is_displayed()
    page.run(DROP, content, "dropped.png", "drop")
    page.until(lambda: "like dropped.png" in page.text("#notice"), "similar pictures")

    assert not page.one("#drop-hint").is_displayed()
    assert "Shows keqing" in page.text("#notice")


def test_a_file_that_is_no_picture_is_named_and_the_list_stays(page: Browser) -> None:
    whole = page.text("#position")

    page.run(DROP, "bm8gcGljdHVyZQ==", "notes.txt", "drop")
    page.until(lambda: "notes.txt: this is no picture" in page.text("#notice"), "what is wrong")

    assert page.text("#position") == whole
    assert [one for one in page.complaints() if "422" not in one] == []  # the refused picture is in the log


def test_on_a_telephone_the_words_are_readable(page: Browser) -> None:
    with as_it_was(page):
        resize(page, PHONE)
        page.keys("s")
        page.until(lambda: "like post" in page.text("#notice"), "similar pictures")

        notice = page.one("#notice").rect

    assert notice["width"] <= PHONE[0]
    assert page.one("#find-similar").is_displayed()
