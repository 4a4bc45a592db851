#!/usr/bin/env bash
# Pillow 13.0.0: after Image.draft() the size of a JPEG is rounded up, and the picture ends in the middle of its last pixels.
#
# Where the picture really lies is told only by what draft() returns, a box with fractions that most callers drop. Whoever resizes
# the drafted picture by its new size squeezes it: a place near the right edge is seven pixels of the original off, and JPEG and PNG
# of one picture lie differently in a network's input. resize(box=…) takes the box; Image.thumbnail() does that by itself.
#
# Seen: 1001x667 asked for at 125x80 becomes 126x84, box (0, 0, 125.125, 83.375). An edge at 992 of 1001 pixels is at 985.1 by the
# new size, and at 992.0 by the box.
#
# Version: pillow 13.0.0 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

"$folder/venv/bin/python" - <<'E2'
import io
import sys

import PIL
from PIL import Image

picture = Image.new("RGB", (1001, 667), "white")
picture.paste((0, 0, 0), (0, 0, 992, 667))  # black up to an edge
file = io.BytesIO()
picture.save(file, "JPEG", quality=95, subsampling=0)

drafted = Image.open(file)
_, box = drafted.draft("RGB", (125, 80))
black = sum(drafted.getpixel((x, 40))[0] < 128 for x in range(drafted.width))
by_size, by_box = round(black / drafted.width * 1001, 1), round(black / (box[2] - box[0]) * 1001, 1)
print(f"Pillow {PIL.__version__}: 1001x667 drafted to {drafted.size}, box {box}")
print(f"an edge at 992 pixels is at {by_size} by the size, at {by_box} by the box")
as_before = (drafted.size, box, by_size, by_box) == ((126, 84), (0, 0, 125.125, 83.375), 985.1, 992.0)
sys.exit(0 if as_before else "the behaviour has changed")
E2
