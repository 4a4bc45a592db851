#!/usr/bin/env bash
# Pillow 13.0.0: getexif() and ImageOps.exif_transpose() turn a picture that has no EXIF at all, if its XMP packet says tiff:Orientation.
#
# In JPEG, PNG, WebP and AVIF alike. libvips 8.18.7 (autorot) goes by EXIF alone and leaves the same file as it lies. A gallery that
# makes its small pictures with libvips and a program that trains on the originals with Pillow then see one drawing in two positions,
# and width and height change places. What shows the turn is in a packet that editors leave behind when they have already turned
# the pixels and removed the EXIF tag.
#
# Seen: a picture of 32x16 with tiff:Orientation="6" in XMP and without EXIF is 16x32 in Pillow, 32x16 in libvips, in all four formats.
#
# Version: pillow 13.0.0, pyvips 3.2.0, pyvips-binary 8.18.7 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pillow==13.0.0 pyvips==3.2.0 pyvips-binary==8.18.7 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

"$folder/venv/bin/python" - <<'E2'
import io
import sys

import PIL
import pyvips
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
EXPECTED = ((16, 32), (32, 16))  # Pillow, libvips


def picture(name):
    file, plain = io.BytesIO(), Image.new("RGB", (32, 16), "red")
    if name == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        plain.save(file, name, pnginfo=info)
    else:
        plain.save(file, name, xmp=XMP.encode())
    return file.getvalue()


print(f"Pillow {PIL.__version__}, libvips {pyvips.version(0)}.{pyvips.version(1)}.{pyvips.version(2)}; a picture of 32x16")
changed = False
for name in ("JPEG", "PNG", "WEBP", "AVIF"):
    file = picture(name)
    opened = Image.open(io.BytesIO(file))
    has_exif = "exif" in opened.info
    turned, other = ImageOps.exif_transpose(opened), pyvips.Image.new_from_buffer(file, "").autorot()
    got = (turned.size, (other.width, other.height))
    print(f"{name}: EXIF in the file: {has_exif}; Pillow turns it to {got[0]}, libvips to {got[1]}")
    changed = changed or has_exif or got != EXPECTED
sys.exit("the behaviour has changed" if changed else 0)
E2
