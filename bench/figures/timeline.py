"""Make the documentation's picture of the page of `crawl watch`, in headless Chromium.

    python -m bench.figures.timeline [--folder DIR]

Paints pictures of characters and a video of them, learns a recogniser, watches the video, and writes
docs/pictures/watch-timeline.jpg; takes minutes. Only painted pictures are in it. DIR, where it is kept, is not painted
again.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from bench.figures.review import PICTURES, QUALITY
from bench.samples.painted_folder import paint
from bench.samples.painted_video import VideoPlan, paint_video
from demo.galleries.painted import PaintedPlan
from tests.equipment.browser import browsing, why_not

CAST = ("mona", "keqing", "ganyu", "hu_tao", "lumine", "fischl", "barbara", "raiden_shogun")
WIDTH, HEIGHT = 1180, 1000  # px of the picture


def watched(work: Path) -> Path:
    """The page, made by the commands that the documentation names."""
    if not (work / "pictures").is_dir():
        paint(work / "pictures", PaintedPlan(posts=600, seed=7), "genshin_impact")
    if not (work / "episode.mp4").is_file():
        truth = paint_video(work / "episode.mp4", VideoPlan(cast=CAST))
        (work / "episode.truth.json").write_text(json.dumps([(one.name, one.start_s, one.end_s) for one in truth]))
    environ = os.environ | {"PYTHONPATH": str(PICTURES.parents[1])}
    train = ["train", "family", "--from", "pictures", "--classes"]
    watch = ["watch", "episode.mp4", "--with", "family", "--report", "watched"]
    for words in (train, watch) if not (work / "gallery-data").is_dir() else (watch,):
        subprocess.run([sys.executable, "-m", "commands", *words], check=True, cwd=work, env=environ)
    return work / "watched" / "timeline.html"


def shoot(page: Path, into: Path) -> None:
    """Take a screenshot of the page's beginning."""
    with browsing(WIDTH, HEIGHT) as browser:
        browser.driver.get(page.as_uri())
        size = {"width": WIDTH, "height": HEIGHT}
        browser.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1, "mobile": False}
        )
        with Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())) as seen:
            seen.convert("RGB").save(into, quality=QUALITY, subsampling=0, optimize=True)
    print(f"{into.name}: {into.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Make the picture, or say what is missing."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--folder", type=Path, help="where what is painted is kept")
    chosen = options.parse_args()
    if why := why_not():
        raise SystemExit(why)
    with tempfile.TemporaryDirectory(prefix="bench-timeline-") as scratch:
        work = (chosen.folder or Path(scratch)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        shoot(watched(work), PICTURES / "watch-timeline.jpg")


if __name__ == "__main__":
    main()
