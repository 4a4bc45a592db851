#!/usr/bin/env bash
# Pillow 13.0.0 and libvips 8.18.7: what lies around a GIF's first frame has a different colour in each.
#
# A GIF's frame may be smaller than its canvas. Around it Pillow paints the first colour of the palette, not the background colour that
# the header names and that it reports as info["background"], and says nothing of transparency; libvips (by libnsgif) gives black,
# without an alpha channel. Browsers show such places transparent, so on a white page they are white. A gallery's small picture made
# with libvips, the same file opened with Pillow, and what people see are three different pictures, and neither library tells.
#
# Seen for a red frame of 4x4 on a canvas of 8x8, first colour yellow, background blue:
#   inside: red in both; outside: Pillow (255, 255, 0, alpha 255), libvips (0, 0, 0) with 3 bands.
#
# Version: pillow 13.0.0, pyvips 3.2.0, pyvips-binary 8.18.7 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 pyvips==3.2.0 pyvips-binary==8.18.7 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

"$folder/venv/bin/python" - <<'E2'
import io
import struct
import sys

import PIL
import pyvips
from PIL import Image

# Header: canvas of 8x8, a palette of four colours, background index 1 (blue).
palette = bytes([255, 255, 0, 0, 0, 255, 255, 0, 0, 0, 255, 0])  # yellow, blue, red, green
header = b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x81, 1, 0) + palette
# One frame of 4x4 at the upper left, all of index 2: LZW codes of 3 bits, with a clear code (4) before each pair of pixels.
codes = [code for _ in range(8) for code in (4, 2, 2)] + [5]
bits = sum(code << (3 * place) for place, code in enumerate(codes))
data = bits.to_bytes(-(-3 * len(codes) // 8), "little")
frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\x02" + bytes([len(data)]) + data + b"\x00"
gif = header + frame + b"\x3b"

opened = Image.open(io.BytesIO(gif))
one = opened.convert("RGBA")
other = pyvips.Image.new_from_buffer(gif, "")
got = {
    "inside": (one.getpixel((1, 1)), [int(value) for value in other(1, 1)]),
    "outside": (one.getpixel((6, 6)), [int(value) for value in other(6, 6)]),
}
print(f"Pillow {PIL.__version__}, libvips {pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}")
for where, (pillow, vips) in got.items():
    print(f"{where}: Pillow {pillow}, libvips {vips}")
print("background index in Pillow's info:", opened.info.get("background"))
print("transparency in Pillow's info:", "transparency" in opened.info, "  alpha in libvips:", bool(other.hasalpha()))
as_before = got == {
    "inside": ((255, 0, 0, 255), [255, 0, 0]),
    "outside": ((255, 255, 0, 255), [0, 0, 0]),
}
sys.exit(0 if as_before else "the behaviour has changed")
E2
