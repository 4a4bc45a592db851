"""Make the README's pictures from a real run on the demo gallery.

    python -m bench.figures.readme [--root DIR]

Runs `crawl --site demo --tag genshin_impact --keep mona` (in a fresh root unless one is given), draws what it printed
as `docs/pictures/run.svg`, and puts pictures that it found without their tag on `docs/pictures/found.jpg`.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw
from rich.console import Console
from rich.text import Text

from storage.archive import open_reader

HERE = Path(__file__).parents[2]
PICTURES = HERE / "docs" / "pictures"
COMMAND = ["--site", "demo", "--tag", "genshin_impact", "--keep", "mona"]
WIDTH = 100  # characters
TILE, COLUMNS, ROWS = 220, 6, 3  # pixels, tiles
_LEFT_OUT = re.compile(r"(fetching|training|measuring|writing|loading|sampling) \d|SQLite|demo gallery|listed \d")

_FONTS_FROM_ELSEWHERE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def run_and_print(root: Path) -> Sequence[str]:
    """The lines of a real run, without progress lines."""
    command = [sys.executable, "-P", "-m", "commands", *COMMAND]
    environ = os.environ | {"COLUMNS": str(WIDTH), "NO_COLOR": "1", "PYTHONPATH": str(HERE), "CRAWL_ROOT": root.name}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ, cwd=root.parent, check=True
    )
    return result_lines(done.stdout.splitlines())


def result_lines(lines: Sequence[str]) -> Sequence[str]:
    """The lines of a run's output that state results."""
    return [line.rstrip() for line in lines if line.strip() and not _LEFT_OUT.match(line)]


def draw_run(lines: Sequence[str], into: Path) -> None:
    """A terminal as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False)
    console.print(Text("$ crawl " + " ".join(COMMAND), style="bold green"))
    summary = next((at for at, line in enumerate(lines) if line.startswith("run ")), len(lines))
    for at, line in enumerate(lines):
        console.print(Text(line, style="bright_black" if at < summary else ""))
    svg = console.export_svg(title="crawl")
    into.write_text(_FONTS_FROM_ELSEWHERE.sub("", svg), encoding="utf-8")  # a picture must not call another host


def draw_found(root: Path, into: Path) -> None:
    """A sheet of pictures that were kept for their score alone, with it."""
    with open_reader(root) as reader:
        rows = reader.query("decision:keep target:mona -mona_(genshin_impact) filetype:jpg,png,webp place:gallery")
    kept = [row for row in rows.mappings() if row["decided_by"] == "score"][
        :: max(1, len(rows.rows) // (COLUMNS * ROWS))
    ]
    sheet = Image.new("RGB", (COLUMNS * TILE, ROWS * TILE), "white")
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(kept[: COLUMNS * ROWS]):
        left, top = number % COLUMNS * TILE, number // COLUMNS * TILE
        with Image.open(root / row["path"]) as picture:
            tile = picture.convert("RGB")
            tile.thumbnail((TILE - 8, TILE - 8))
            sheet.paste(tile, (left + (TILE - tile.width) // 2, top + (TILE - tile.height) // 2))
        pen.rectangle((left + 6, top + 6, left + 46, top + 22), fill="black")
        pen.text((left + 10, top + 8), f"{row['score']:.3f}", fill="white")
    sheet.save(into, quality=82)


def main() -> int:
    """Both pictures."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--root", type=Path, help="go on with this gallery instead of a fresh one")
    read.add_argument("--log", type=Path, help="draw what an earlier run printed (with --root: where it ran)")
    options = read.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-pictures-") as scratch:
        root = options.root or Path(scratch) / "gallery-data"
        lines = result_lines(options.log.read_text().splitlines()) if options.log else run_and_print(root)
        draw_run(lines, PICTURES / "run.svg")
        draw_found(root, PICTURES / "found.jpg")
    print(f"wrote {PICTURES}/run.svg and found.jpg")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
