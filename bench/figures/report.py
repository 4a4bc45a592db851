"""Make the documentation's picture of the report of `crawl evaluate`, in headless Chromium.

    python -m bench.figures.report [--root DIR]

Takes the model for mona of the gallery at DIR (else of one that a run on the demo gallery makes first, which takes
minutes), measures it on pictures of another demo gallery, one folder a character, and writes
docs/pictures/evaluate-report.jpg. Only painted pictures belong there.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bench.figures.review import PICTURES, QUALITY, gallery
from demo.galleries.painted import PaintedPlan, painted_gallery
from demo.paint.files import write_picture
from tests.equipment.browser import browsing, why_not

TARGET = "mona"
PLAN = PaintedPlan(posts=700, seed=4711)  # another seed than a crawl's gallery: pictures that no model has seen
FRANCHISE, STILLS = "genshin_impact", {"jpg", "png", "webp"}
FOLDER = "pictures"
WIDTH, HEIGHT = 1280, 1000  # px of a window; the page is taller
_SECTIONS = ("header", ".notes", "#curves", "#scores", "#kept-wrongly", "#missed")


def paint(folder: Path) -> None:
    """One folder a character; who is shown with the target lies in the target's."""
    planned = painted_gallery(PLAN)
    for post in planned.posts.values():
        if FRANCHISE in post.tags and post.ext in STILLS and post.picture in planned.scenes:
            named = [character.partition("_(")[0] for character in post.truth.characters]
            where = folder / (TARGET if TARGET in named else "".join(named[:1]) or "nobody")
            where.mkdir(parents=True, exist_ok=True)
            painted = Path(write_picture(planned.scenes[post.picture], where).path)
            painted.rename(where / f"{post.id}.{post.ext}")
            painted.parent.rmdir()


def report(root: Path, work: Path) -> Path:
    """Measure with the command; gives the page."""
    paint(work / FOLDER)
    command = [sys.executable, "-m", "commands", "evaluate", TARGET, "--root", str(root), "--on", FOLDER]
    environ = os.environ | {"PYTHONPATH": str(PICTURES.parents[1])}
    subprocess.run([*command, "--report", "report"], check=True, cwd=work, env=environ)
    return work / "report" / "report.html"


def shoot(page: Path, into: Path, sections: Sequence[str] = _SECTIONS) -> None:
    """Take a screenshot of the main sections, one below the other."""
    with browsing(WIDTH, HEIGHT) as browser:
        browser.driver.get(page.as_uri())
        browser.run(_ONLY, list(sections))
        size = {"width": WIDTH, "height": browser.run("return document.documentElement.scrollHeight")}
        browser.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1, "mobile": False}
        )
        with Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())) as seen:
            seen.convert("RGB").save(into, quality=QUALITY, subsampling=0, optimize=True)
    print(f"{into.name}: {into.stat().st_size / 1000:.0f} kB")


_ONLY = """
const chosen = arguments[0].map((one) => document.querySelector(one).closest("header, section"));
for (const one of document.querySelectorAll("header, section, nav, footer")) if (!chosen.includes(one)) one.remove();
"""


def main() -> int:
    """Make it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a gallery with a model for mona; nothing in it changes")
    arguments = parser.parse_args()
    if reason := why_not():
        print(reason)
        return 2
    with tempfile.TemporaryDirectory() as work:
        root = arguments.root or gallery(None, Path(work))
        shoot(report(root.absolute(), Path(work)), PICTURES / "evaluate-report.jpg")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
