"""The page in a window: its sizes, and the states that people see it in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.equipment.browser import Browser, Keys

DESKTOP, TABLET, ZOOMED, PHONE, SMALL = (1280, 800), (820, 1180), (640, 400), (390, 844), (320, 568)
SIZES = (DESKTOP, TABLET, (768, 1024), ZOOMED, PHONE, SMALL)  # ZOOMED is DESKTOP at 200 %


def resize(browser: Browser, size: tuple[int, int], *, touch: bool = False) -> None:
    """Give the window this size in pixels; with `touch`, of a device without a mouse."""
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": touch}
    browser.driver.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": touch})
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    frames = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)))"
    browser.driver.execute_async_script(frames)  # the page has laid itself out anew


def prefer(browser: Browser, scheme: str, *, motion: str = "reduce") -> None:
    """What the system prefers: `light` or `dark`, and whether things may move."""
    features = [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@contextmanager
def as_it_was(browser: Browser) -> Iterator[None]:
    """Restore the window after the block."""
    try:
        yield
    finally:
        resize(browser, DESKTOP)
        prefer(browser, "light", motion="no-preference")


def rounds_say(browser: Browser, **state: object) -> None:
    """From now on the page gets this state of rounds."""
    whole = {"target": "mona", "stage": "", "share": 0, "words": "", "stages": [], "outcome": {}, "started": 1} | state
    replies_with(browser, "/api/rounds", whole)


def replies_with(browser: Browser, path: str, reply: object) -> None:
    """From now on requests whose path ends with `path` get this reply."""
    browser.run(
        "const real = window.fetch, path = arguments[0], reply = arguments[1]; window.fetch = (...all) => "
        "String(all[0]).endsWith(path) ? Promise.resolve(Response.json(reply)) : real(...all)",
        path,
        reply,
    )


def _grid(browser: Browser) -> None:
    browser.keys("x", Keys.ARROW_RIGHT)


def _big(browser: Browser) -> None:
    browser.keys(Keys.ENTER)
    browser.until(lambda: browser.all("#big .strip img"), "more like this")


def _help(browser: Browser) -> None:
    browser.keys("?")


def _figures(browser: Browser) -> None:
    browser.keys("g")
    browser.until(lambda: browser.all("#start-round"), "the figures")


def _running(browser: Browser) -> None:
    stages = ["starting", "reading", "choosing", "learning"]
    rounds_say(browser, state="running", stage="learning", share=0.4, words="epoch 3 of 12", stages=stages)
    browser.keys("g")
    browser.until(lambda: browser.all("#round-panel .stop"), "a round at work")


def _finished(browser: Browser) -> None:
    counts = {"shown": 20, "old_found": 18, "new_found": 19, "old_kept": 20, "new_kept": 19}
    compared = {"pictures": 45, "new_errors": 1, "old_errors": 4} | counts
    outcome = {"model": "mona/2", "activated": True, "rescored": 1, "seconds": 12, "metrics": {"compared": compared}}
    rounds_say(browser, state="done", outcome=outcome | {"why": ["a head alone leaves nothing to gain"]})
    browser.keys("g")
    browser.until(lambda: browser.text("#round-result"), "the result")


def _failed(browser: Browser) -> None:
    words = "no space left: " + "/a/long/folder" * 9 + "\nmona/1 stays in force"
    rounds_say(browser, state="failed", stage="learning", stages=["starting", "learning"], words=words)
    browser.keys("g")
    browser.until(lambda: browser.all("#round-panel .failed"), "what went wrong")


def _refused_filter(browser: Browser) -> None:
    browser.keys("/", *"decision:kep", Keys.ENTER)
    browser.until(lambda: browser.text("#filter-problem"), "what is wrong")


def _completions(browser: Browser) -> None:
    browser.keys("/", *"-sol")
    browser.until(lambda: browser.all("#suggestions li"), "completions")
    browser.keys(Keys.ARROW_DOWN)


def _similar(browser: Browser) -> None:
    browser.keys("s")
    browser.until(lambda: "like post" in browser.text("#notice"), "similar pictures")


def _no_matches(browser: Browser) -> None:
    browser.keys("/", *"id:999999", Keys.ENTER)
    browser.until(lambda: browser.text("#empty"), "no matches")


STATES: Mapping[str, Callable[[Browser], None]] = {
    "the grid": _grid,
    "the big view": _big,
    "the help": _help,
    "the figures": _figures,
    "a round at work": _running,
    "a round that finished": _finished,
    "a round that failed": _failed,
    "a filter that was refused": _refused_filter,
    "completions": _completions,
    "no matches": _no_matches,
    "similar pictures": _similar,
}
