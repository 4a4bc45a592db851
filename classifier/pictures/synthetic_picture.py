"""How a painted picture says that it is synthetic: in the file, in words that other programs know.

A PNG with text chunks of our own, and the XMP property for which IPTC defines the value: picture agencies, editors and
search engines read it as "created using Generative AI".
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from classifier.pictures.preprocessing import Pixels

MARK = "Synthetic"  # keyword of the chunk
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_GAP = 2  # pixels between the pictures of a sheet


def synthetic_png(pixels: Pixels, facts: Mapping[str, str]) -> bytes:
    """A PNG of pixels, (h, w, 3), that says what it is.

    Args:
        pixels: RGB.
        facts: more text chunks, by keyword: generator, seed, number.
    """
    info = PngInfo()
    info.add_text(MARK, "true")
    for name, value in facts.items():
        info.add_text(name, value)
    info.add_itxt("XML:com.adobe.xmp", _XMP)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def is_synthetic(png: bytes) -> bool:
    """Whether a PNG says of itself what `synthetic_png` writes; False for what is no PNG."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            return bool(image.info.get(MARK) == "true")
    except (OSError, ValueError, SyntaxError):
        return False


def sheet(pictures: Pixels, columns: int = 8) -> Pixels:
    """Pictures side by side, (n, h, w, 3) -> one picture."""
    count, height, width, _ = pictures.shape
    columns = min(columns, max(1, count))
    rows = -(-count // columns)
    whole = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), (255, 255, 255))
    for number, picture in enumerate(pictures):
        whole.paste(Image.fromarray(picture), (number % columns * (width + _GAP), number // columns * (height + _GAP)))
    return np.asarray(whole)
