"""The pictures of docs/generate.md, by the page's own commands: `python -m bench.figures.generate [--work DIR]`.

Paints a folder, runs every command of the page as it stands there, one after the other, and writes the sheet and the
losses of what came of it to docs/pictures/. The page's training ends after its minutes; on a busy machine it has then
had fewer steps. A command that fails ends this with its exit code. What lies in DIR from a run before is not made anew.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from bench.figures.review import PICTURES, QUALITY

PAGE = PICTURES.parent / "generate.md"
MODEL = "pictures-generator-best"
_FOLDER = ("bench.samples.painted_folder", "pictures", "--posts", "600", "--least", "34")
_SHEET = 600  # pixels of the sheet in the docs


def commands_of(page: str) -> list[list[str]]:
    """The words of every command of a page that stands on a line of its own, without the program's name."""
    lines = (line.strip() for line in page.splitlines() if line.startswith("    crawl "))
    return [shlex.split(line)[1:] for line in lines]


def run(words: Sequence[str], work: Path) -> None:
    """One of our programs, in the work folder.

    Raises:
        SystemExit: it failed; with its exit code.
    """
    print("$", *words, flush=True)
    ended = subprocess.run([sys.executable, "-m", *words], cwd=work, check=False)
    if ended.returncode:
        raise SystemExit(ended.returncode)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-generate-") as made:
        work = (asked.work or Path(made)).absolute()
        work.mkdir(parents=True, exist_ok=True)
        if not (work / "pictures").is_dir():
            run(_FOLDER, work)
        for words in commands_of(PAGE.read_text()):
            if words[:2] != ["generate", "train"] or not (work / MODEL).is_dir():
                run(["commands", *words], work)
        sheet = next((work / "samples").glob("*-sheet.png"))
        with Image.open(sheet) as image:
            small = image.convert("RGB").resize((_SHEET, _SHEET), Image.Resampling.LANCZOS)
        PICTURES.mkdir(exist_ok=True)
        small.save(PICTURES / "generate-samples.jpg", quality=QUALITY, comment=b"synthetic: painted by a generator")
        (PICTURES / "generate-losses.svg").write_bytes((work / MODEL / "figures" / "losses.svg").read_bytes())
    print(f"wrote {PICTURES}/generate-samples.jpg and generate-losses.svg")


if __name__ == "__main__":
    main()
