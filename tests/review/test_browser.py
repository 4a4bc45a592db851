"""The whole loop in headless Chromium: open, answer by keys, undo, filter, big view, a round, new figures."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from storage.archive import open_reader
from tests.equipment.browser import Browser, Keys, why_not
from tests.equipment.served import ServedPage, serving
from tests.review.program import Painted
from tests.review.window import rounds_say

pytestmark = [
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # selenium's own sockets
]
NARROW = {"width": 820, "height": 1180, "deviceScaleFactor": 1, "mobile": False}  # pixels: a tablet held upright
WIDE = NARROW | {"width": 1280, "height": 800}
LETTER = {"keep": "k", "delete": "d"}


def labels(page: ServedPage) -> list[tuple[int, str, str]]:
    with open_reader(page.root) as reader:
        return [(label.version_id, label.value.value, label.why.value) for label in reader.labels("mona")]


def post_of(page: ServedPage, picture: int) -> int:
    return int(page.get(f"/api/targets/mona/cards?ids={picture}")["cards"][0]["post"])


def test_the_whole_loop_by_keys_alone(browser: Browser, served: ServedPage, gallery: Painted) -> None:
    answered = []
    for _ in range(10):
        picture = browser.current
        browser.keys(LETTER[gallery.truth(post_of(served, picture))])
        answered.append(picture)
    browser.saved()
    browser.keys("z")
    browser.until(lambda: len(labels(served)) == 11, "the undo is recorded")
    browser.saved()

    assert browser.current == answered[-1]
    recorded = labels(served)
    assert [picture for picture, _, _ in recorded] == [*answered, answered[-1]]
    assert recorded[-1][1] == "clear"
    assert "random" in {why for _, _, why in recorded}

    browser.keys("g")
    browser.until(lambda: browser.all("#start-round:not(:disabled)"), "a round can be started")
    browser.press("#start-round")
    browser.until(lambda: browser.text("#round-result"), "the round is done")
    browser.until(lambda: "In force: mona/2" in browser.text("#round-panel"), "the new model is in force")

    assert "mona/2 is in force" in browser.text("#round-result")
    assert served.get("/api/targets/mona")["model"]["name"] == "mona/2"
    assert browser.complaints() == []


def test_a_filter_finds_pictures_and_says_what_it_cannot_read(looking: Browser, shared: ServedPage) -> None:
    looking.keys("/")
    looking.keys(*"decision:kep", Keys.ENTER)
    looking.until(lambda: "decision:kep" in looking.text("#filter-problem"), "the term is named")
    looking.press("#filter-problem button")
    looking.until(lambda: not looking.one("#filter-problem").is_displayed(), "the suggestion is taken")
    kept = shared.get("/api/targets/mona/list?q=decision:keep")["ids"]

    assert looking.text("#position").endswith(f"of {len(kept)}")
    assert [one for one in looking.complaints() if "422" not in one] == []  # the refused filter is in the log


def test_words_of_the_filter_are_completed(looking: Browser) -> None:
    looking.keys("/", *"-sol")
    looking.until(lambda: looking.all("#suggestions li"), "suggestions")
    looking.keys(Keys.TAB, *"decison:keep", Keys.ENTER)
    looking.until(lambda: "decison" in looking.text("#filter-problem mark"), "what is wrong is shown")
    looking.press("#filter-problem button")
    looking.until(lambda: looking.text("#position").startswith("1 of "), "the correction finds pictures")

    assert looking.run("return document.getElementById('expression').value") == "-solo decision:keep"


def test_the_big_view_shows_tags_facts_history_and_more_like_it(browser: Browser, served: ServedPage) -> None:
    picture = browser.current
    browser.keys(Keys.ENTER)
    browser.until(lambda: browser.all("#big .strip img"), "more like this")

    assert browser.text("#big h2") == f"Post {post_of(served, picture)}"
    assert "painter" in browser.text("#big .tags.artist")
    assert "mona/1 decided" in browser.text("#big .story")

    browser.keys("d")
    browser.until(lambda: browser.current != picture, "the next picture")
    browser.keys(Keys.ARROW_LEFT)
    browser.until(lambda: "Delete" in browser.text("#big .verdict"), "the label is shown")
    browser.keys(Keys.ESCAPE)

    assert not browser.one("#big").is_displayed()
    browser.saved()
    assert [(one, value) for one, value, _ in labels(served)] == [(picture, "delete")]
    assert browser.complaints() == []


def test_a_range_is_chosen_with_shift_and_answered_at_once(browser: Browser, served: ServedPage) -> None:
    browser.keys("6")
    browser.until(lambda: browser.text("#position") == "1 of 240", "all pictures")
    for _ in range(4):
        browser.with_key(Keys.SHIFT, Keys.ARROW_RIGHT)
    browser.keys("u")
    browser.saved()
    first = labels(served)
    browser.keys("z")
    browser.until(lambda: len(labels(served)) == 10, "one undo takes all of it back")

    assert [value for _, value, _ in first] == ["unsure"] * 5
    assert [value for _, value, _ in labels(served)][5:] == ["clear"] * 5
    assert browser.complaints() == []


def test_a_range_is_chosen_from_the_last_chosen_to_here(looking: Browser) -> None:
    looking.keys("x", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    looking.with_key(Keys.SHIFT, "x")

    assert looking.text("#position") == "4 chosen · 4 of 60"
    looking.keys(Keys.ESCAPE)
    assert looking.text("#position") == "4 of 60"


def test_mouse_alone_does_it_too(browser: Browser, served: ServedPage) -> None:
    picture = browser.current
    browser.one("#keep").click()
    browser.saved()
    browser.one("#undo").click()
    browser.until(lambda: len(labels(served)) == 2, "undone")
    browser.one(f"#picture-{picture} .tick").click()

    assert browser.text("#position").startswith("1 chosen")
    assert [value for _, value, _ in labels(served)] == ["keep", "clear"]


@pytest.mark.fault("U11")
def test_an_answer_from_another_tab_is_shown_and_not_overwritten(browser: Browser, served: ServedPage) -> None:
    picture = browser.current
    browser.until(lambda: browser.text(".tile.current .score"), "the card is known")
    body = {"answers": [{"id": picture, "value": "delete", "key": "another-tab", "seen": 0}]}
    assert served.post("/api/targets/mona/answers", body)[0] == 200

    browser.keys("k")
    browser.until(lambda: "elsewhere" in browser.text(f"#picture-{picture} .badge"), "the conflict is shown")

    assert "nothing was overwritten" in browser.text("#notice")
    assert [(one, value) for one, value, _ in labels(served)] == [(picture, "delete")]


@pytest.mark.fault("U12")
def test_answers_given_while_the_program_is_away_arrive_when_it_is_back(browser: Browser, served: ServedPage) -> None:
    picture, port = browser.current, served.port
    browser.until(lambda: browser.text(".tile.current .score"), "the card is known")
    served.stop()
    browser.keys("k")
    browser.until(lambda: "not saved yet" in browser.text("#saving"), "the page says that it is not saved")

    with serving(served.root, port):
        browser.saved()

    assert [(one, value) for one, value, _ in labels(served)] == [(picture, "keep")]


@pytest.mark.fault("U06")
def test_script_from_a_site_is_text_here(looking: Browser, shared: ServedPage) -> None:
    evil = "<img src=x onerror=window.evil=1>"

    looking.run("location.hash = new URLSearchParams({ q: arguments[0], view: 'all' })", evil)
    looking.driver.refresh()
    looking.until(lambda: "No matches" in looking.text("#empty"), "the search is done")

    assert looking.run("return [...document.scripts].every((one) => one.src.startsWith(location.origin))")
    assert looking.run("return window.evil ?? null") is None
    assert looking.run("return document.querySelectorAll('[onerror], [onclick], [style*=expression]').length") == 0


def test_the_theme_follows_the_system_and_can_be_switched(looking: Browser) -> None:
    def ground() -> str:
        return str(looking.run("return getComputedStyle(document.body).backgroundColor"))

    light = ground()
    looking.keys("t")
    dark = ground()
    looking.driver.refresh()
    looking.until(lambda: looking.all(".tile"), "pictures")
    kept = ground()
    looking.run("localStorage.clear()")

    assert light != dark
    assert kept == dark


def test_a_screen_reader_gets_what_the_screen_shows(looking: Browser) -> None:
    room, tile = looking.one("#grid"), looking.one(".tile.current")

    assert room.get_attribute("role") == "listbox"
    assert room.get_attribute("aria-activedescendant") == tile.get_attribute("id")
    assert tile.get_attribute("aria-label").startswith("Post ")
    assert "score" in tile.get_attribute("aria-label")
    assert tile.get_attribute("aria-setsize") == "60"
    nameless = looking.run(
        "return [...document.querySelectorAll('button, input, select')].filter((one) => one.checkVisibility() && "
        "!one.closest('[aria-hidden=true]') && !(one.ariaLabel || one.textContent.trim() || one.labels?.length)).length"
    )
    assert nameless == 0


def test_everything_is_reached_by_tab_and_the_focus_is_seen(looking: Browser) -> None:
    reached = set()
    looking.run("document.activeElement.blur()")
    for _ in range(30):
        looking.keys(Keys.TAB)
        reached.add(looking.run("return document.activeElement.id || document.activeElement.dataset.view || ''"))

    assert {"target", "expression", "figures", "theme", "help", "questions", "all", "order", "grid", "keep"} <= reached


@pytest.mark.fault("U06")
def test_tags_that_try_to_be_code_are_shown_as_text(window: Browser, gallery: Painted) -> None:
    evil = '"><img/src=x/onerror=window.evil=1><script>window.evil=2</script>'
    with closing(sqlite3.connect(gallery.root / "crawl.db")) as rows, rows:
        rows.execute("UPDATE tag SET name = ? WHERE name = 'fischl_(genshin_impact)'", (evil,))
        rows.execute("UPDATE post SET source = 'javascript:window.evil=3'")

    with serving(gallery.root) as page:
        window.complaints()
        window.open(f"{page.url}#view=all&q=chartags:1 -mona_(genshin_impact)")
        window.keys(Keys.ENTER)
        window.until(lambda: window.all("#big .strip img"), "the big view")

        assert evil.replace("_", " ") in window.text("#big .tags.character")
        assert window.run("return window.evil ?? null") is None
        assert window.all("#big .facts a[href^=javascript]") == []
        assert window.run("return document.querySelectorAll('[onerror]').length") == 0
        assert window.complaints() == []


def test_no_answer_falls_on_a_list_that_is_about_to_change(browser: Browser, served: ServedPage) -> None:
    browser.run(
        "const real = window.fetch; window.fetch = (...all) => all[0].includes('/list?') ? "
        "new Promise((done) => setTimeout(() => done(real(...all)), 700)) : real(...all)"
    )
    browser.keys("6", "d", "d")
    browser.until(lambda: browser.text("#position") == "1 of 240", "the other list")

    assert labels(served) == []
    browser.keys("d")
    browser.saved()
    assert len(labels(served)) == 1


def test_a_round_that_was_stopped_too_late_says_which_model_is_in_force(looking: Browser) -> None:
    words = "stopped: mona/2 is in force; 485 pictures not decided by it yet: crawl rescore mona finishes"
    rounds_say(looking, state="failed", words=words, outcome={"model": "mona/2", "activated": True})

    looking.keys("g")
    looking.until(lambda: "485 pictures" in looking.text("#round-panel"), "what is left")

    assert looking.text("#round-panel .failed b") == "The round did not finish, but mona/2 is in force."


def test_after_a_round_the_page_says_why_it_learned_what_it_learned(looking: Browser) -> None:
    why = "a head alone leaves nothing to gain"
    rounds_say(looking, state="done", outcome={"model": "mona/2", "activated": True, "why": [why]})

    looking.keys("g")
    looking.until(lambda: looking.text("#round-result"), "the result")

    assert looking.text("#round-result .why") == why
    assert "seconds, or minutes" in looking.text("#round-panel")


def test_closing_the_figures_gives_the_keys_back_to_the_pictures(looking: Browser) -> None:
    looking.keys("g")
    looking.until(lambda: looking.one("#round-panel").is_displayed(), "the figures")
    looking.keys(Keys.ESCAPE, Keys.ENTER)

    looking.until(lambda: looking.one("#big").is_displayed(), "the big view")
    assert not looking.one("#round-panel").is_displayed()


def test_a_tablet_held_upright_shows_more_like_this_too(looking: Browser) -> None:
    looking.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", NARROW)
    try:
        looking.keys(Keys.ENTER)
        looking.until(lambda: looking.all("#big .strip img"), "more like this")
        strip, whole = looking.one("#big .more"), looking.one("#big .stage")

        assert strip.is_displayed()
        assert strip.rect["width"] == NARROW["width"]
        assert whole.rect["height"] > NARROW["height"] / 3
    finally:
        looking.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", WIDE)


def test_where_the_random_sample_is_too_small_the_figures_of_a_round_say_so(looking: Browser) -> None:
    looking.keys("g")
    looking.until(lambda: looking.all("#start-round:not(:disabled)"), "a round can be started")
    rounds_say(looking, state="done", outcome={"model": "mona/2", "activated": True})
    looking.press("#start-round")

    looking.until(lambda: looking.all("#round-result table"), "before and after")
    assert "Precisiontoo few answerstoo few answers" in looking.text("#round-result table")
