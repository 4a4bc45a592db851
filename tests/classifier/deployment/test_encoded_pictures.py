"""The SavedModel's signature for files sees what our own decoder sees, or refuses the file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.pictures.preprocessing import Pixels, Preprocessing, picture_array

pytestmark = pytest.mark.filterwarnings("ignore")  # of Pillow about broken EXIF, and of TensorFlow
HOW = Preprocessing(48)
Decode = Callable[[bytes], Pixels]


@pytest.fixture(scope="module")
def decoded() -> Decode:
    """What the graph makes of a file, as a served model runs it."""
    import tensorflow as tf

    from classifier.deployment.saved_model import _decoded, _fitted

    graph = tf.function(lambda one: _fitted(_decoded(one), HOW), input_signature=[tf.TensorSpec((), tf.string)])
    return lambda encoded: np.asarray(graph(tf.constant(encoded)))


def scene() -> Image.Image:
    """Every corner and every side differs."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((90, 60), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def turned(orientation: int, **options: Any) -> bytes:
    block = Image.Exif()
    block[0x010F], block[0x0112], block[0x011A] = "maker", orientation, 72.0
    return encoded(scene(), "JPEG", quality=95, exif=block.tobytes(), **options)


def with_block(block: bytes) -> bytes:
    return encoded(scene(), "JPEG", quality=95, exif=b"Exif\0\0" + block)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def sixteen_bits(samples: np.ndarray, colour_type: int) -> bytes:
    """A PNG of 16 bits a sample, which Pillow reads and does not write in colours."""
    height, width, _ = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples * np.uint16(257))
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def see_through() -> Image.Image:
    picture = scene().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


def keyed() -> bytes:
    """A coloured PNG with one colour that is transparent."""
    samples = np.asarray(scene()).copy()
    samples[:20, :30] = (10, 20, 30)
    return encoded(Image.fromarray(samples), "PNG", transparency=(10, 20, 30))


def moving(form: str) -> bytes:
    return encoded(scene(), form, save_all=True, append_images=[scene().rotate(180)], duration=100)


PALETTE = scene().convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
SAME: Mapping[str, bytes] = {
    **{f"jpeg turned {value}": turned(value) for value in range(10)},
    "jpeg turned behind a long profile": turned(6, icc_profile=b"x" * 70_000, progressive=True),
    "jpeg turned, most significant byte first": with_block(
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    ),
    "jpeg whose block points nowhere": with_block(b"II*\0\xff\xff\xff\x7f"),
    "jpeg whose block is cut": with_block(b"II*\0\x08\0\0\0\xff\xff\x12\x01"),
    "jpeg that says nothing": encoded(scene(), "JPEG", quality=95),
    "grey jpeg": encoded(scene().convert("L"), "JPEG", quality=95),
    "cmyk jpeg": encoded(scene().convert("CMYK"), "JPEG", quality=95),
    "grey png": encoded(scene().convert("L"), "PNG"),
    "grey png of 16 bits": encoded(Image.fromarray(np.asarray(scene().convert("L"), np.uint16) * 257), "PNG"),
    "coloured png of 16 bits": sixteen_bits(np.asarray(scene(), np.uint16), 2),
    "transparent png of 16 bits": sixteen_bits(np.asarray(see_through(), np.uint16), 6),
    "png of one bit": encoded(scene().convert("1"), "PNG"),
    "transparent png": encoded(see_through(), "PNG"),
    "grey and transparent png": encoded(see_through().convert("LA"), "PNG"),
    "png with a palette": encoded(PALETTE, "PNG"),
    "png with a transparent palette": encoded(see_through().quantize(32, method=Image.Quantize.FASTOCTREE), "PNG"),
    "png with a transparent colour": keyed(),
    "animated gif": moving("GIF"),
    "webp": encoded(scene(), "WEBP", quality=95),
    "transparent webp": encoded(see_through(), "WEBP", lossless=True),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_graph_sees_what_the_decoder_sees(kind: str, decoded: Decode) -> None:
    ours = picture_array(SAME[kind], HOW).astype(int)

    theirs = decoded(SAME[kind]).astype(int)

    assert np.abs(ours - theirs).max() <= 2


def test_the_turned_pictures_really_differ() -> None:
    seen = {picture_array(turned(value), HOW).tobytes() for value in range(1, 9)}

    assert len(seen) == 8


REFUSED = {
    "animated webp": (moving("WEBP"), "animated WebP is not decoded here"),
    "avif": (encoded(scene(), "AVIF"), "Unknown image file format"),
    "no picture": (b"neither picture nor anything", "Unknown image file format"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_the_graph_cannot_decode_is_an_error_and_no_score(kind: str, decoded: Decode) -> None:
    import tensorflow as tf

    content, words = REFUSED[kind]

    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        decoded(content)
