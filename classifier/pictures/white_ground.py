"""Any of Pillow's modes as RGB: 16 bits scaled to 8, transparency over white."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.arrays import BoolArray
from classifier.pictures.png_chunks import GREY, RGB, header

WHITE = (255, 255, 255)


def on_white(image: Image.Image, encoded: bytes) -> Image.Image:
    """The picture in RGB.

    Args:
        image: loaded, as Pillow decoded it.
        encoded: the bytes that it was decoded from: a PNG's transparent colour is exact only in them.
    """
    if image.format == "GIF":
        return _white_around_frame(image, encoded)
    return _on_white(image, encoded)


def _white_around_frame(image: Image.Image, encoded: bytes) -> Image.Image:
    """The first frame of a GIF with white around it; Pillow paints the palette's first colour there."""
    with Image.open(io.BytesIO(encoded), formats=("GIF",)) as unloaded:
        frame = tuple(next(iter(getattr(unloaded, "tile", [])))[1])
    shown = _on_white(image, encoded)
    if frame == (0, 0, *image.size):
        return shown
    canvas = Image.new("RGB", image.size, WHITE)
    canvas.paste(shown.crop(frame), frame[:2])
    return canvas


def _on_white(image: Image.Image, encoded: bytes) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.format == "PNG" and "transparency" in image.info and header(encoded)[1] in (GREY, RGB):
        return _without_colour(image, encoded)
    if image.mode.startswith("I"):
        return _eight_bits(image)
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGB", layered.size, WHITE)
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    sixteen = values if values.dtype.itemsize == 2 else values.clip(0, 65535)
    return Image.fromarray((sixteen >> 8).astype(np.uint8)).convert("RGB")


def _without_colour(image: Image.Image, encoded: bytes) -> Image.Image:
    """A grey or coloured PNG whose one transparent colour became white.

    The colour is given in samples of the file, 1 to 16 bits; Pillow compares it with samples of 8.
    """
    clear = _clear_pixels(image, encoded)
    opaque = _eight_bits(image) if image.mode.startswith("I") else image.copy()
    opaque.info.pop("transparency", None)
    plain = opaque.convert("RGB")
    plain.paste(WHITE, mask=Image.fromarray(clear))
    return plain


def _clear_pixels(image: Image.Image, encoded: bytes) -> BoolArray:
    """Which pixels have the transparent colour, shape (height, width)."""
    bits, _ = header(encoded)
    transparency = image.info["transparency"]
    if image.mode == "1":
        return np.asarray(np.asarray(image) == bool(transparency))
    if image.mode != "RGB":
        transparency = int(transparency) & (2**bits - 1)
        return np.asarray(np.asarray(image) == (transparency * 255 // (2**bits - 1) if bits < 8 else transparency))
    colour = [int(sample) & (2**bits - 1) for sample in transparency]
    high = np.asarray(image) == np.array([sample >> max(0, bits - 8) for sample in colour], dtype=np.uint8)
    clear = np.asarray(high.all(axis=2))
    if bits == 16 and clear.any():
        low = _low_bytes(encoded) == np.array([sample & 255 for sample in colour], dtype=np.uint8)
        clear &= low.all(axis=2)
    return clear


def _low_bytes(encoded: bytes) -> npt.NDArray[np.uint8]:
    """The lower halves of a PNG's 16-bit samples, which Pillow leaves out, shape (height, width, 3)."""
    with Image.open(io.BytesIO(encoded), formats=("PNG",)) as image:
        image.tile = [tile._replace(args="RGB;16L") for tile in getattr(image, "tile", [])]  # as if they came first
        return np.array(image)
