"""Everybody can use the page: small windows, zoom, fingers, keys alone, screen readers, and reduced motion."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import Target
from tests.equipment.accessibility import cut_off, findings, overflowing, small_targets
from tests.equipment.browser import Browser, Keys, why_not
from tests.equipment.served import ServedPage, serving
from tests.review.program import Painted
from tests.review.window import DESKTOP, PHONE, SIZES, SMALL, STATES, ZOOMED, as_it_was, prefer, replies_with, resize

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # selenium's own sockets
]
WORDS = ".caption, .why, .names, .views button, .buttons button, .figures, h2, h3, dt, dd"
CONTROLS = ("keep", "delete", "unsure", "undo", "target", "expression", "figures", "theme", "help", "order")


@pytest.fixture
def anywhere(looking: Browser) -> Iterator[Browser]:
    """A window that a test may resize."""
    looking.until(lambda: looking.text(".tile.current .score"), "the first card")
    with as_it_was(looking):
        prefer(looking, "light")
        yield looking


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    """A gallery that knows a target, and no picture."""
    root = tmp_path_factory.mktemp("empty") / "gallery-data"

    async def make() -> None:
        async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.save_targets("painted", [Target("mona", "mona_(genshin_impact)")])

    asyncio.run(make())
    with serving(root) as page:
        yield page


def everywhere(browser: Browser) -> Iterator[str]:
    """The windows and schemes that are looked at, one after the other."""
    for size, scheme in ((DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "dark")):
        resize(browser, size)
        prefer(browser, scheme)
        yield f"{size[0]} px, {scheme}"


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing(anywhere: Browser, state: str) -> None:
    STATES[state](anywhere)

    violations = {where: findings(anywhere) for where in everywhere(anywhere)}

    assert [(where, line) for where, lines in violations.items() for line in lines] == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_leaves_the_window_and_no_word_is_cut(anywhere: Browser, state: str) -> None:
    STATES[state](anywhere)

    for size in SIZES:
        resize(anywhere, size)
        faults = (overflowing(anywhere), cut_off(anywhere, WORDS), small_targets(anywhere))
        assert faults == ([], [], []), size


@pytest.mark.parametrize("size", [PHONE, (PHONE[1], PHONE[0])])
def test_a_finger_finds_every_control(anywhere: Browser, shared: ServedPage, size: tuple[int, int]) -> None:
    resize(anywhere, size, touch=True)
    for state in ("the grid", "the big view", "the figures", "a filter that was refused"):
        anywhere.driver.get("about:blank")
        anywhere.open(shared.url)
        anywhere.until(lambda: anywhere.text(".tile.current .score"), "the first card")
        STATES[state](anywhere)

        assert (overflowing(anywhere), small_targets(anywhere, 44)) == ([], []), state


def test_every_control_can_be_pressed_in_every_window(anywhere: Browser) -> None:
    for size in SIZES:
        resize(anywhere, size)
        covered = anywhere.run(
            "return arguments[0].filter((id) => { const one = document.getElementById(id);"
            "const box = one.getBoundingClientRect();"
            "const hit = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);"
            "return !(hit && one.contains(hit)); })",
            list(CONTROLS),
        )
        assert covered == [], size


@pytest.mark.parametrize("size", [ZOOMED, PHONE, SMALL])
def test_undo_is_on_the_screen_in_the_big_view_too(anywhere: Browser, size: tuple[int, int]) -> None:
    resize(anywhere, size)
    STATES["the big view"](anywhere)

    box = anywhere.one('#big [data-name="undo"]').rect

    assert box["x"] + box["width"] <= size[0]
    assert box["y"] + box["height"] <= size[1]


def test_an_empty_gallery_says_what_to_do_and_axe_finds_nothing(window: Browser, empty: ServedPage) -> None:
    window.driver.get(empty.url)
    window.until(lambda: window.text("#empty"), "what to do")

    with as_it_was(window):
        assert [findings(window) for _ in everywhere(window)] == [[]] * 3
    assert "The gallery is empty" in window.text("#empty")
    assert "crawl --tag" in window.text("#empty code")


def test_a_gallery_without_a_target_says_what_to_do(window: Browser, tmp_path: Path) -> None:
    Archive.open(tmp_path / "gallery-data", ArchiveSettings(reserve_bytes=0)).close()
    with serving(tmp_path / "gallery-data") as page:
        window.driver.get(page.url)
        window.until(lambda: window.text("#empty"), "what to do")

        assert "no target yet" in window.text("#empty h2")
        assert (findings(window), overflowing(window)) == ([], [])


def test_an_address_that_does_not_exist_is_a_page_for_people(anywhere: Browser, shared: ServedPage) -> None:
    anywhere.driver.get(f"{shared.url}nothing/here")

    assert anywhere.text("h1") == "Page not found"
    for where in everywhere(anywhere):
        assert (findings(anywhere), overflowing(anywhere)) == ([], []), where
    anywhere.complaints()  # the 404 itself
    anywhere.one("a").click()
    anywhere.until(lambda: anywhere.all(".tile"), "the page")


def test_exactly_one_list_is_the_current_one(anywhere: Browser) -> None:
    current = "return [...document.querySelectorAll('#views button')].map((one) => one.getAttribute('aria-current'))"
    questions = anywhere.run(current)
    anywhere.keys("2")
    anywhere.until(lambda: anywhere.run(current)[1] == "true", "what was kept")

    assert questions == ["true", "false", "false", "false", "false", "false"]
    assert anywhere.run(current) == ["false", "true", "false", "false", "false", "false"]


def test_the_skip_link_goes_to_the_pictures_and_changes_nothing(anywhere: Browser) -> None:
    anywhere.keys("2")
    anywhere.until(lambda: anywhere.text("#position") and "view=kept" in anywhere.driver.current_url, "what was kept")
    before = anywhere.driver.current_url, anywhere.text("#position")

    anywhere.press("#skip")

    assert anywhere.run("return document.activeElement.id") == "grid"
    assert (anywhere.driver.current_url, anywhere.text("#position")) == before


def test_wherever_the_focus_goes_it_is_seen(anywhere: Browser) -> None:
    unseen = []
    anywhere.run("document.activeElement.blur()")
    for _ in range(24):
        anywhere.keys(Keys.TAB)
        place = anywhere.run(
            "const one = document.activeElement; if (one === document.body) return null;"
            "const shown = one.id === 'grid' ? document.querySelector('.tile.current') : one.closest('.filter') ?? one;"
            "const style = getComputedStyle(shown), box = shown.getBoundingClientRect();"
            "return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.bottom > 0 && "
            "box.right > 0 && box.left < innerWidth && box.top < innerHeight ? null : one.outerHTML.slice(0, 80)"
        )
        unseen += [place] if place else []

    assert unseen == []


@pytest.mark.parametrize("state", ["the big view", "the help", "the figures"])
def test_the_focus_stays_in_a_dialog_until_escape_and_goes_back_where_it_was(anywhere: Browser, state: str) -> None:
    resize(anywhere, PHONE)
    STATES[state](anywhere)
    outside = []
    for _ in range(30):
        anywhere.keys(Keys.TAB)
        where = anywhere.run(
            "const one = document.activeElement; "
            "return one === document.body || one.closest('dialog:modal') ? null : one.outerHTML.slice(0, 80)"
        )
        outside += [where] if where else []
    anywhere.keys(Keys.ESCAPE)
    anywhere.until(lambda: not anywhere.all("dialog[open]"), "the dialog is closed")

    assert outside == []
    assert anywhere.run("return document.activeElement.id") == "grid"


@pytest.mark.parametrize(("button", "dialog"), [("figures", "round-panel"), ("help", "help-panel")])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_button_that_opened_a_dialog_has_the_focus_again(
    anywhere: Browser, button: str, dialog: str, size: tuple[int, int]
) -> None:
    resize(anywhere, size)
    anywhere.press(f"#{button}")
    anywhere.until(lambda: anywhere.one(f"#{dialog}").is_displayed(), "the dialog")
    inside = anywhere.run("return Boolean(document.activeElement.closest(`#${arguments[0]}`))", dialog)
    anywhere.keys(Keys.ESCAPE)
    anywhere.until(lambda: not anywhere.all("dialog[open]"), "the dialog is closed")

    assert inside
    assert anywhere.run("return document.activeElement.id") == button


def test_the_figures_beside_the_pictures_cover_none_of_them(anywhere: Browser) -> None:
    STATES["the figures"](anywhere)

    pictures, drawer = anywhere.one("#grid").rect, anywhere.one("#round-panel").rect

    assert pictures["x"] + pictures["width"] <= drawer["x"]


def test_the_figures_become_a_dialog_where_there_is_no_room_beside_the_pictures(anywhere: Browser) -> None:
    STATES["the figures"](anywhere)
    modal = "return document.getElementById('round-panel').matches(':modal')"
    beside = anywhere.run(modal)
    resize(anywhere, PHONE)
    anywhere.until(lambda: anywhere.run(modal), "a dialog")
    resize(anywhere, DESKTOP)
    anywhere.until(lambda: not anywhere.run(modal), "beside the pictures")

    assert not beside
    assert anywhere.one("#round-panel").is_displayed()


def test_an_answer_by_a_button_of_the_big_view_keeps_the_focus_there(browser: Browser) -> None:
    STATES["the big view"](browser)
    first = browser.current
    browser.press('#big [data-name="keep"]')
    browser.until(lambda: browser.current != first, "the next picture")

    assert browser.run("return document.activeElement.dataset.name") == "keep"


def test_what_a_screen_reader_hears_is_not_hidden_behind_a_dialog(browser: Browser) -> None:
    STATES["the big view"](browser)
    browser.keys("d")

    browser.until(lambda: browser.text("#big .announcer") == "delete", "the answer is announced")


def test_nothing_moves_when_reduced_motion_is_preferred(anywhere: Browser) -> None:
    prefer(anywhere, "light", motion="reduce")
    STATES["a round at work"](anywhere)

    assert anywhere.run("return document.getAnimations().length") == 0


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_captions_are_whole_whatever_names_a_picture_has(
    window: Browser, gallery: Painted, size: tuple[int, int]
) -> None:
    names = ("raiden_shogun_(genshin_impact)", "artoria_pendragon_(lancer_alter)_(royal_icing)", "x" * 90)
    with closing(sqlite3.connect(gallery.root / "crawl.db")) as rows, rows:
        insert = "INSERT INTO tag (name, category) VALUES (?, 'character')"
        tags = [rows.execute(insert, (name,)).lastrowid for name in names]
        for post in range(1, 241):
            rows.executemany("INSERT INTO post_tag VALUES (?, ?)", [(post, tag) for tag in tags[post % 3 : post % 4]])
    with serving(gallery.root) as page, as_it_was(window):
        resize(window, size)
        window.open(page.url)
        for tile_px in (120, 220, 420):
            window.run(
                "const size = document.getElementById('size'); size.value = arguments[0];"
                "size.dispatchEvent(new Event('input', { bubbles: true }))",
                tile_px,
            )
            window.until(lambda: window.text(".tile:last-child .score"), "cards")
            assert cut_off(window, ".caption, .why, .names, .score") == [], tile_px
        window.run("localStorage.clear()")


def test_a_figure_that_was_measured_is_shown_however_wide_its_interval(anywhere: Browser, shared: ServedPage) -> None:
    figures = {"precision": {"value": 0.671, "low": 0.21, "high": 0.94}, "recall": None, "answers": 1}
    replies_with(anywhere, "/api/targets/mona", shared.get("/api/targets/mona") | {"figures": figures})
    anywhere.keys("g")
    anywhere.until(lambda: anywhere.all("#round-panel .stat output"), "the figures")

    assert anywhere.text("#round-panel .stat output") == "0.67"
    assert "0.21 to 0.94: too few answers to rely on it" in anywhere.text("#round-panel .stat small")
    assert "From 1 answer to the random sample." in anywhere.text("#round-panel")
    assert "?" not in anywhere.text("#round-panel .inside")


@pytest.mark.parametrize("precision", [(0.97, 0.94, 0.99), (0.67, 0.21, 0.94)])
def test_figures_leave_room_for_the_target_on_a_phone(
    anywhere: Browser, shared: ServedPage, precision: tuple[float, float, float]
) -> None:
    share = dict(zip(("value", "low", "high"), precision, strict=True))
    facts = shared.get("/api/targets/mona") | {"figures": {"precision": share, "recall": share, "answers": 90}}
    replies_with(anywhere, "/api/targets/mona", facts)
    anywhere.keys("g", Keys.ESCAPE)
    anywhere.until(lambda: "precision" in anywhere.text("#figures"), "the figures")

    for size in SIZES:
        resize(anywhere, size)
        assert (overflowing(anywhere), cut_off(anywhere, "#figures, #figures span")) == ([], []), size
        assert anywhere.one("#target").rect["width"] >= 72, size


def test_the_button_that_starts_a_round_says_train_a_round(anywhere: Browser) -> None:
    STATES["the figures"](anywhere)

    assert anywhere.text("#start-round") == "Train a round"


def test_a_count_of_one_has_a_singular_noun(anywhere: Browser) -> None:
    STATES["a round that finished"](anywhere)

    result = anywhere.text("#round-result")

    assert "On 45 pictures that neither model was trained on: 1 error, previously 4." in result
    assert "Precision 1.00, previously 0.90; recall 0.95, previously 0.90." in result
    assert "1 picture scored again" in result
