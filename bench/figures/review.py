"""Make the documentation's pictures of the review page, in headless Chromium.

    python -m bench.figures.review [--root DIR]

Serves a copy of the gallery at DIR (else one that a run on the demo gallery makes first, which takes minutes), answers
some questions by keys as a person would, does a round, and writes docs/pictures/review-*.jpg.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.equipment.browser import Browser, Keys, browsing, why_not
from tests.equipment.served import ServedPage, serving

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
DEMO = ("--site", "demo", "--tag", "genshin_impact", "--keep", "mona", "--quiet")
WIDE, TABLET, PHONE = (1440, 900), (820, 1180), (390, 844)
_A_ROUND_S = 1200.0  # of a round that trains the network, on a busy machine
QUALITY = 87  # of JPEG: text stays crisp, and the repository small


def gallery(given: Path | None, work: Path) -> Path:
    """A gallery that may be written to."""
    root = work / "gallery-data"
    if given is not None:
        shutil.copytree(given, root)
    else:
        command = [sys.executable, "-m", "commands", *DEMO, "--root", str(root)]
        subprocess.run(command, check=True, cwd=PICTURES.parents[1])
    return root


def shoot(browser: Browser, name: str) -> None:
    """Write a screenshot, once all its pictures are loaded."""
    browser.until(lambda: browser.run(_SETTLED), "pictures")
    path = PICTURES / f"review-{name}.jpg"
    with Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())) as seen:
        seen.convert("RGB").save(path, quality=QUALITY, subsampling=0, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


_SETTLED = """
if (document.getElementById("grid").ariaBusy === "true") return false;
const room = { right: innerWidth, bottom: innerHeight };
const seen = (one) => {
  const box = one.getBoundingClientRect();
  return box.right > 0 && box.left < room.right && box.bottom > 0 && box.top < room.bottom;
};
const images = [...document.images].filter((image) => image.checkVisibility() && seen(image));
const tiles = [...document.querySelectorAll(".tile")].filter(seen);
return tiles.length > 0 && images.every((image) => image.complete && image.naturalWidth > 0)
  && tiles.every((tile) => tile.querySelector("img.there"));
"""


def answer(browser: Browser, page: ServedPage, count: int) -> None:
    """Answer the next questions by confident scores and tags."""
    for _ in range(count):
        card = page.get(f"/api/targets/mona/cards?ids={browser.current}")["cards"][0]
        tagged = any(tag.startswith("mona_(") for tag in card["tags"]["character"])
        browser.keys("k" if tagged or card["score"] > 0.5 else "u" if 0.25 < card["score"] < 0.4 else "d")
    browser.saved()


def session(url: str, page: ServedPage) -> None:
    """One session: list, answer, big view, filter, round."""
    with browsing(*WIDE) as browser:
        browser.open(url)
        answer(browser, page, 7)
        shoot(browser, "questions")
        browser.keys(Keys.ENTER)
        browser.until(lambda: browser.all("#big .strip img"), "more like this")
        shoot(browser, "big")
        browser.keys(Keys.ESCAPE, "?")
        shoot(browser, "help")
        browser.keys(Keys.ESCAPE)
        answer(browser, page, 30)
        browser.keys("g")
        browser.until(lambda: browser.all("#start-round:not(:disabled)"), "a round can be started")
        browser.press("#start-round")
        browser.until(lambda: browser.text("#round-result"), "the round is done", _A_ROUND_S)
        browser.until(lambda: not browser.all(".tile[class*=label-]"), "the next questions")
        shoot(browser, "round")
        browser.keys(Keys.ESCAPE)
    with browsing(*WIDE, scheme="dark") as browser:
        browser.open(f"{url}#view=rejected&q=p:>=0.02 order:p")
        for _ in range(4):
            browser.with_key(Keys.SHIFT, Keys.ARROW_RIGHT)
        shoot(browser, "dark")
    with browsing(*TABLET) as browser:
        browser.open(f"{url}#view=kept")
        shoot(browser, "tablet")
    with browsing(*PHONE, scheme="dark") as browser:
        browser.open(url)
        shoot(browser, "phone")


def main() -> int:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a gallery with the target mona and a model; it is copied")
    arguments = parser.parse_args()
    if reason := why_not():
        print(reason)
        return 2
    PICTURES.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        root = gallery(arguments.root, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        page = stack.enter_context(serving(root))
        session(page.url, page)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
