"""From encoded bytes to the network's input: the one preprocessing that training and scoring share.

The site's bytes are not trusted. Only five formats are decoded, chosen by content and never by name; the size is
read from the header before a pixel is; the picture is then loaded whole, because only a full load notices a
truncated file. Whatever goes wrong is a `PictureFault` with a reason. Imports Pillow and NumPy only, so that a
decoder process starts at once.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.errors import PictureFault
from classifier.picture_hash import picture_hash

try:
    import webp
except ImportError:  # a platform without its wheel: Pillow does it all, with the same result
    webp = None

Pixels = npt.NDArray[np.uint8]

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}  # Pillow's name -> ours
FITS = ("pad", "crop", "stretch")
RESAMPLES = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
WHITE = (255, 255, 255)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_DRAFT_MARGIN = 1.5  # a JPEG is decoded at no less than this multiple of the input size, then resampled
_REDUCING_GAP = 2.0  # Pillow's: whole-number reduction first when the picture is far larger than the input
_ENOUGH_TO_HASH = 48  # pixels of the shorter side; a smaller picture is hashed as it was before it was made small
_ORIENTATION = 0x0112  # EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a picture may cost; checked from its header, before anything is decoded."""

    max_bytes: int = 64 * 1024 * 1024  # of the encoded picture
    max_pixels: int = 40_000_000  # that are really decoded: a JPEG is decoded at reduced scale
    max_declared_pixels: int = 80_000_000  # width x height in the header, under Pillow's own limit of 89 M


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a picture becomes the network's input; part of a model, and hashed with it.

    The result is RGB, uint8, 0..255; scaling to whatever the network likes is the network's own first layer.
    """

    size: int  # pixels, of both sides of the input
    fit: str = "pad"  # one of FITS: whole picture with borders | middle square | distorted
    resample: str = "bilinear"  # one of RESAMPLES, always with antialiasing
    pad_value: int = 255  # grey level of the borders, 0..255
    version: int = 1  # of the code in this module; counts up when the same settings give other pixels

    def __post_init__(self) -> None:
        if not 1 <= self.size <= 4096:
            raise ValueError(f"preprocessing size must be 1..4096 pixels, got {self.size}")
        if self.fit not in FITS:
            raise ValueError(f"preprocessing fit must be one of {', '.join(FITS)}, got {self.fit!r}")
        if self.resample not in RESAMPLES:
            raise ValueError(f"preprocessing resample must be one of {', '.join(RESAMPLES)}, got {self.resample!r}")
        if not 0 <= self.pad_value <= 255:
            raise ValueError(f"preprocessing pad_value must be 0..255, got {self.pad_value}")
        if self.version != 1:
            raise ValueError(f"preprocessing version {self.version} is not known to this program; it knows 1")

    def to_json(self) -> dict[str, Any]:
        """Plain values for a manifest; `from_json` takes them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The record that `to_json` described.

        Raises:
            ValueError: a field is unknown, missing or out of range.
        """
        names = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - names)
        if unknown or "size" not in values:
            raise ValueError(f"preprocessing must have a size and only {sorted(names)}, got {sorted(values)}")
        wrong = [
            name for name, value in values.items() if type(value) is not (str if name in {"fit", "resample"} else int)
        ]
        if wrong:
            raise ValueError(f"preprocessing {wrong[0]} is {values[wrong[0]]!r}, which is of the wrong type")
        return cls(**values)

    @property
    def hash(self) -> str:
        """Sixteen hex digits that are equal exactly for equal preprocessing, on every machine."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A picture that is ready for a network, and what it was before."""

    pixels: Pixels  # (size, size, 3), RGB
    width: int  # pixels of the whole picture, upright, before any scaling
    height: int
    format: str  # what the bytes really are: jpg | png | gif | webp | avif
    hash: int  # by `picture_hash`, of the whole picture: nearly the same for any preprocessing


DEFAULT_LIMITS = Limits()


def sniff(data: bytes) -> str | None:
    """Pillow's name of the format that the bytes begin like, or None when it is not one of `FORMATS`."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
        if _AVIF_BRANDS & {box[:4], *(box[at : at + 4] for at in range(8, len(box), 4))}:
            return "AVIF"
    return None


def decode(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """The whole picture: RGB, uint8, shape (height, width, 3); upright, the first frame, transparency over white.

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    return np.asarray(_load(data, limits, None)[0].convert("RGB"))


def prepare(data: bytes, preprocessing: Preprocessing, limits: Limits = DEFAULT_LIMITS) -> PreparedPicture:
    """Decode a picture and bring it to the network's size.

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    image, size, name = _load(data, limits, preprocessing)
    try:
        fitted, whole = _fit(image, preprocessing)
        pixels = np.array(fitted.convert("RGB"))
        hash_ = picture_hash(whole if min(whole.size) >= _ENOUGH_TO_HASH else image)
    except MemoryError as error:
        raise PictureFault("too large", f"no memory left to resize {size[0]}x{size[1]}") from error
    return PreparedPicture(pixels, size[0], size[1], FORMATS[name], hash_)


def picture_array(data: bytes, preprocessing: Preprocessing, limits: Limits = DEFAULT_LIMITS) -> Pixels:
    """The network's input for a picture: RGB, uint8, shape (size, size, 3).

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    return prepare(data, preprocessing, limits).pixels


def _load(data: bytes, limits: Limits, preprocessing: Preprocessing | None) -> tuple[Image.Image, tuple[int, int], str]:
    """Decode fully: the upright picture (RGB or RGBX, perhaps reduced), the whole picture's size, the format's name."""
    if len(data) > limits.max_bytes:
        raise PictureFault("too large", f"{len(data)} bytes, the limit is {limits.max_bytes}")
    name = sniff(data)
    if name is None:
        raise PictureFault("unsupported", f"the bytes begin with {data[:12]!r}")
    try:
        with Image.open(io.BytesIO(data), formats=(name,)) as image:
            size = _checked_size(image, limits, preprocessing)
            if name == "WEBP" and (plain := _plain_webp(data)) is not None:
                return plain, size, name
            image.load()
            orientation = _orientation(image)
            upright = image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image
            return _rgb(upright), size if orientation < 5 else (size[1], size[0]), name
    except PictureFault:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise PictureFault("too large", str(error)) from error
    except Exception as error:  # Pillow raises a dozen types for bad bytes; each means the same to us
        reason = "truncated" if _speaks_of_truncation(error) else "undecodable"
        raise PictureFault(reason, f"{type(error).__name__}: {error}"[:200]) from error


def _plain_webp(data: bytes) -> Image.Image | None:
    """A still, opaque, lossy WebP by libwebp's own short way: the same pixels as Pillow's in a third of the time.

    Pillow decodes every WebP as an animation with transparency. Sites serve their renditions in the plain form; all
    others, damaged ones among them, are left to Pillow: None.
    """
    if webp is None or data[12:16] != b"VP8 ":
        return None
    try:
        pixels = webp.WebPData.from_buffer(data).decode(color_mode=webp.WebPColorMode.RGBA)
    except webp.WebPError:
        return None
    height, width = pixels.shape[:2]
    return Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)  # four bytes a pixel: not copied


def _checked_size(image: Image.Image, limits: Limits, preprocessing: Preprocessing | None) -> tuple[int, int]:
    """The header's width and height, after asking a JPEG for a reduced scale."""
    width, height = image.size
    if width * height > limits.max_declared_pixels:
        raise PictureFault("too large", f"{width}x{height} pixels, the limit is {limits.max_declared_pixels}")
    if preprocessing is not None and image.format in {"JPEG", "MPO"}:
        image.draft(None, _draft_size(width, height, preprocessing))  # None keeps the mode
    if image.width * image.height > limits.max_pixels:
        raise PictureFault("too large", f"{width}x{height} pixels, {limits.max_pixels} can be decoded")
    return width, height


def _draft_size(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """The smallest scale of a JPEG that still has pixels to spare for the resampling."""
    wanted = preprocessing.size * _DRAFT_MARGIN
    if preprocessing.fit == "stretch":
        return int(wanted), int(wanted)
    side = max(width, height) if preprocessing.fit == "pad" else min(width, height)
    return max(1, int(width * wanted / side)), max(1, int(height * wanted / side))


def _speaks_of_truncation(error: Exception) -> bool:
    words = str(error).lower()
    return isinstance(error, EOFError) or "truncated" in words or "eof" in words or "unexpected end" in words


def _orientation(image: Image.Image) -> int:
    """How the picture wants to be turned, 1..8 as in EXIF; a broken EXIF block means not at all."""
    try:
        value = image.getexif().get(_ORIENTATION) if image.format != "GIF" else None
    except Exception:  # noqa: BLE001 - as above; the pixels are good, so the picture is
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as RGB: 16 bits scaled to 8, transparency over white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        values = np.asarray(image)
        sixteen = values if values.dtype.itemsize == 2 else values.clip(0, 65535)
        return Image.fromarray((sixteen >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layered = image.convert("RGBA")
        white = Image.new("RGB", layered.size, WHITE)
        white.paste(layered, mask=layered.getchannel("A"))
        return white
    return image.convert("RGB")


def _fit(image: Image.Image, preprocessing: Preprocessing) -> tuple[Image.Image, Image.Image]:
    """An RGB picture at the network's size; and the smallest picture on the way there that still shows all of it."""
    size, resample = preprocessing.size, RESAMPLES[preprocessing.resample]
    width, height = image.size
    if preprocessing.fit == "stretch":
        stretched = image.resize((size, size), resample, reducing_gap=_REDUCING_GAP)
        return stretched, stretched
    if preprocessing.fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return image.resize((size, size), resample, box=box, reducing_gap=_REDUCING_GAP), image
    scale = size / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = image.resize(inner, resample, reducing_gap=_REDUCING_GAP)
    if inner == (size, size):
        return small, small
    canvas = Image.new("RGB", (size, size), (preprocessing.pad_value,) * 3)
    canvas.paste(small, ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return canvas, small
