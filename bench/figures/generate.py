"""The pictures of docs/generate.md: `python -m bench.figures.generate [--work DIR] [--steps 500]`.

Paints a cast, trains *best* on it by the page's own command with fewer filters, so that it takes minutes, and writes
the sheet and both curves to docs/pictures/. What lies in DIR from a run before is not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from bench.figures.review import PICTURES, QUALITY

_CAST = ("bench.samples.painted_cast", "cast", "--classes", "5", "--pictures", "160", "--seed", "7")
_SHEET = 600  # pixels of the sheet in the docs


def run(*words: str, work: Path) -> None:
    """One of our programs, in the work folder."""
    subprocess.run([sys.executable, "-m", *words], cwd=work, check=True)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--steps", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-generate-") as made:
        work = asked.work or Path(made)
        work.mkdir(parents=True, exist_ok=True)
        if not (work / "cast").is_dir():
            run(*_CAST, work=work)
        if not (work / "painter").is_dir():
            settings = (f"steps={asked.steps}", "filters=8", "batch=16", "measure_every=100", "measured=200")
            words = [word for one in settings for word in ("--set", one)]
            run("commands", "generate", "train", "--from", "cast", "--to", "painter", *words, work=work)
        run("commands", "generate", "samples", "painter", "--count", "64", "--to", "samples", work=work)
        sheet = next((work / "samples").glob("*-sheet.png"))
        with Image.open(sheet) as image:
            small = image.convert("RGB").resize((_SHEET, _SHEET), Image.Resampling.LANCZOS)
        PICTURES.mkdir(exist_ok=True)
        small.save(PICTURES / "generate-samples.jpg", quality=QUALITY, comment=b"synthetic: painted by a generator")
        for name in ("losses", "distance"):
            (PICTURES / f"generate-{name}.svg").write_bytes((work / "painter" / "figures" / f"{name}.svg").read_bytes())
    print(f"wrote {PICTURES}/generate-samples.jpg, generate-losses.svg, generate-distance.svg")


if __name__ == "__main__":
    main()
