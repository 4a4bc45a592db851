"""Make the documentation's pictures of `crawl report --html` and of the page of `crawl tags`, in headless Chromium.

    python -m bench.figures.gallery ROOT

ROOT is a gallery that was crawled from the demo, so that only painted pictures are in them. Writes
docs/pictures/gallery-report.jpg and docs/pictures/tags.jpg.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bench.figures.review import PICTURES, QUALITY
from tests.equipment.browser import browsing, why_not

WIDTH = 1180  # px of the pictures


def shoot(page: Path, into: Path, height: int, ticks: Sequence[str] = ()) -> None:
    """Take a screenshot of the page's beginning.

    Args:
        page: a file.
        into: the picture.
        height: of it, px.
        ticks: selectors of boxes that are ticked first.
    """
    with browsing(WIDTH, height) as browser:
        browser.driver.get(page.as_uri())
        for selector in ticks:
            browser.one(selector).click()
        with Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())) as seen:
            seen.convert("RGB").save(into, quality=QUALITY, subsampling=0, optimize=True)
    print(f"{into.name}: {into.stat().st_size / 1000:.0f} kB")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    root = parser.parse_args(arguments).root
    if (why := why_not()) is not None:
        print(why, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        report, tags = Path(folder) / "report", Path(folder) / "tags.html"
        for words in (["report", "--html", str(report)], ["tags", "--to", str(tags)]):
            subprocess.run([sys.executable, "-m", "commands", *words, "--root", str(root)], check=True)
        shoot(report / "index.html", PICTURES / "gallery-report.jpg", 1180)
        done, disagreed = [f".card:nth-child({place}) [data-mark=done]" for place in (1, 2)], "[data-mark=no]"
        marks = [*done, f".card:nth-child(4) {disagreed}"]
        shoot(tags, PICTURES / "tags.jpg", 700, marks)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
