#!/usr/bin/env bash
# Pillow 13.0.0: the transparent colour of a 16-bit PNG (chunk tRNS, 16-bit samples) is compared with samples that were cut to 8 bits.
#
# The PNG specification (section "tRNS") compares all 16 bits. Pillow keeps the high byte of each sample of 16-bit RGB and compares
# it with the whole 16-bit number, so
#   - a transparent colour whose samples are over 255 makes nothing transparent;
#   - one whose samples are all below 256 makes other colours transparent: every one whose high bytes are these numbers.
# libvips 8.18.7, which some galleries make their small pictures with, compares as the specification says: the same file has a
# white background in one program and a coloured one in the other.
#
# Seen with Pillow 13.0.0 (alpha of each pixel):
#   transparent 1234 5678 9abc   Pillow: 255 255 255 255   libvips:   0 255 255 255
#   transparent 0012 0056 009a   Pillow:   0   0 255   0   libvips: 255 255   0 255
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
import zlib

import PIL
import pyvips
from PIL import Image

PIXELS = [(0x1234, 0x5678, 0x9ABC), (0x12FF, 0x5600, 0x9A01), (0x0012, 0x0056, 0x009A), (0x1200, 0x5600, 0x9A00)]
EXPECTED = {  # transparent colour -> alpha in Pillow, in libvips
    (0x1234, 0x5678, 0x9ABC): ([255, 255, 255, 255], [0, 255, 255, 255]),
    (0x0012, 0x0056, 0x009A): ([0, 0, 255, 0], [255, 255, 0, 255]),
}


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(transparent):
    header = struct.pack(">IIBBBBB", len(PIXELS), 1, 16, 2, 0, 0, 0)  # 16 bits a sample, RGB
    row = b"\0" + b"".join(struct.pack(">3H", *pixel) for pixel in PIXELS)
    body = chunk(b"IHDR", header) + chunk(b"tRNS", struct.pack(">3H", *transparent))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def seen(file):
    layered = Image.open(io.BytesIO(file)).convert("RGBA")
    other = pyvips.Image.new_from_buffer(file, "")
    across = range(len(PIXELS))
    return [layered.getpixel((x, 0))[3] for x in across], [int(other(x, 0)[3]) // 257 for x in across]


print(f"Pillow {PIL.__version__}, libvips {pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}")
print("pixels:", "  ".join(" ".join(f"{sample:04x}" for sample in pixel) for pixel in PIXELS))
changed = False
for colour, expected in EXPECTED.items():
    got = seen(png(colour))
    print("transparent", " ".join(f"{sample:04x}" for sample in colour), " alpha in Pillow:", got[0], " in libvips:", got[1])
    changed = changed or got != expected
sys.exit("the behaviour has changed" if changed else 0)
E2
