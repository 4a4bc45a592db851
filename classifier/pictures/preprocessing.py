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
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.errors import PictureFault
from classifier.pictures import jpeg_end, webp_end
from classifier.pictures.dhash import dhash
from classifier.pictures.png_chunks import without_metadata
from classifier.pictures.white_ground import on_white
from classifier.pictures.windows import Window

try:
    import webp
except ImportError:  # it is an extra: without it, Pillow does it all, with the same result
    webp = None

Pixels = npt.NDArray[np.uint8]
Size = tuple[int, int]  # width, height
Box = tuple[float, float, float, float]  # left, top, right, bottom, pixels

FORMATS = {"JPEG": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}  # Pillow's name -> ours
FITS = ("pad", "crop", "stretch")
RESAMPLES = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
MOST_SIZE = 1024  # pixels of both sides of an input; a batch of eight is 100 MB of floats
VERSIONS = (1, 2, 3)  # 1: borders and middle of a JPEG from its size after decoding at reduced scale, a row or two off
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_FIRST_WITH_WINDOWS = 2  # version
_DRAFT_MARGIN = 1.5  # a JPEG is decoded at no less than this multiple of the input size, then resampled
_REDUCING_GAPS = {1: 2.0, 2: 2.0, 3: 1.8}  # by version; Pillow's: whole-number reduction down to this multiple first
# (3: 128 pixels are made from a third of a rendition of 720 instead of its half, 0.4 ms of 3.8 less)
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


_SIDEWAYS = (_UPRIGHT[5], _UPRIGHT[6], _UPRIGHT[7], _UPRIGHT[8])


@dataclass(frozen=True, slots=True)
class PictureLimits:
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
    version: int = 3  # one of VERSIONS: of the code in this module; counts up when the same settings give other pixels

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MOST_SIZE:
            raise ValueError(f"preprocessing size must be 1..{MOST_SIZE} pixels, got {self.size}")
        if self.fit not in FITS:
            raise ValueError(f"preprocessing fit must be one of {', '.join(FITS)}, got {self.fit!r}")
        if self.resample not in RESAMPLES:
            raise ValueError(f"preprocessing resample must be one of {', '.join(RESAMPLES)}, got {self.resample!r}")
        if not 0 <= self.pad_value <= 255:
            raise ValueError(f"preprocessing pad_value must be 0..255, got {self.pad_value}")
        if self.version not in VERSIONS:
            known = ", ".join(map(str, VERSIONS))
            raise ValueError(f"preprocessing version {self.version} is not known to this program; it knows {known}")

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
    hash: int  # by `dhash`, of the whole picture: nearly the same for any preprocessing


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A picture after decoding, upright, perhaps at reduced scale."""

    image: Image.Image  # RGB or RGBX
    width: int  # of the whole picture, upright
    height: int
    format: str  # Pillow's name
    box: Box  # where in the image the whole picture is; a reduced scale leaves parts of pixels at its edges


DEFAULT_LIMITS = PictureLimits()


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


def decode(data: bytes, *, limits: PictureLimits = DEFAULT_LIMITS) -> Pixels:
    """The whole picture: RGB, uint8, shape (height, width, 3); upright, the first frame, transparency over white.

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    return np.asarray(_load(data, limits, None).image.convert("RGB"))


def prepare(data: bytes, preprocessing: Preprocessing, limits: PictureLimits = DEFAULT_LIMITS) -> PreparedPicture:
    """Decode a picture and bring it to the network's size.

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    decoded = _load(data, limits, preprocessing)
    try:
        fitted, whole = _fit(decoded, preprocessing)
        pixels = np.array(fitted.convert("RGB"))
        hash_ = dhash(whole if min(whole.size) >= _ENOUGH_TO_HASH else decoded.image)
    except MemoryError as error:
        raise PictureFault("too large", f"no memory left to resize {decoded.width}x{decoded.height}") from error
    return PreparedPicture(pixels, decoded.width, decoded.height, FORMATS[decoded.format], hash_)


def fitted_image(image: Image.Image, preprocessing: Preprocessing) -> Pixels:
    """The network's input for an RGB picture that is decoded already: RGB, uint8, shape (size, size, 3)."""
    whole = _Decoded(image, image.width, image.height, "", (0, 0, image.width, image.height))
    return np.array(_fit(whole, preprocessing)[0].convert("RGB"))


def picture_array(data: bytes, preprocessing: Preprocessing, limits: PictureLimits = DEFAULT_LIMITS) -> Pixels:
    """The network's input for a picture: RGB, uint8, shape (size, size, 3).

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    return prepare(data, preprocessing, limits).pixels


def prepare_windows(
    data: bytes, preprocessing: Preprocessing, windows: Sequence[Window], limits: PictureLimits = DEFAULT_LIMITS
) -> tuple[Pixels, ...]:
    """Parts of a picture, each brought to the network's size; shape (size, size, 3) each.

    The picture is decoded once more, at a scale that its short side asks for: what `prepare` makes of the whole
    picture stays the same to the pixel whether somebody wants windows or not.

    Raises:
        PictureFault: at this scale it cannot be decoded within the limits.
    """
    decoded = _load(data, limits, replace(preprocessing, fit="crop"))
    fitting = replace(preprocessing, version=max(_FIRST_WITH_WINDOWS, preprocessing.version))
    try:
        return tuple(np.array(_fit(_part(decoded, window), fitting)[0].convert("RGB")) for window in windows)
    except MemoryError as error:
        raise PictureFault("too large", f"no memory left for parts of {decoded.width}x{decoded.height}") from error


def _part(decoded: _Decoded, window: Window) -> _Decoded:
    """A window as a picture of its own."""
    left, top, right, bottom = decoded.box
    across, down = (right - left) / decoded.width, (bottom - top) / decoded.height
    box = (left + window[0] * across, top + window[1] * down, left + window[2] * across, top + window[3] * down)
    size = max(1, round(window[2] - window[0])), max(1, round(window[3] - window[1]))
    return replace(decoded, width=size[0], height=size[1], box=box)


def _load(data: bytes, limits: PictureLimits, preprocessing: Preprocessing | None) -> _Decoded:
    """Decode fully and turn upright.

    Raises:
        PictureFault: it cannot be decoded within the limits.
    """
    if len(data) > limits.max_bytes:
        raise PictureFault("too large", f"{len(data)} bytes, the limit is {limits.max_bytes}")
    name = sniff(data)
    if name is None:
        raise PictureFault("unsupported", f"the bytes begin with {data[:12]!r}")
    try:
        return _decoded(without_metadata(data) if name == "PNG" else data, name, limits, preprocessing)
    except PictureFault as fault:
        whole = _completed(data, name, fault.reason, limits)
        if whole is None:
            raise
        return _decoded(whole, name, limits, preprocessing)


def _completed(data: bytes, name: str, reason: str, limits: PictureLimits) -> bytes | None:
    """The picture with the end that it lacks, where it lacks nothing else."""
    if name == "JPEG" and reason == "truncated":
        return jpeg_end.completed(data, limits.max_pixels)
    return webp_end.completed(data) if name == "WEBP" and reason != "too large" else None


def _decoded(data: bytes, name: str, limits: PictureLimits, preprocessing: Preprocessing | None) -> _Decoded:
    """Decode with everything that may come of it as a fault."""
    try:
        with Image.open(io.BytesIO(data), formats=(name,)) as image:
            (width, height), box = _checked_size(image, limits, preprocessing)
            if name == "WEBP" and (plain := _plain_webp(data)) is not None:
                return _Decoded(plain, width, height, name, (0, 0, width, height))
            image.load()
            turn = _UPRIGHT.get(_orientation(image))
            rgb = on_white(image, data)
            if turn is None:
                return _Decoded(rgb, width, height, name, box)
            if turn in _SIDEWAYS:
                width, height = height, width
            return _Decoded(rgb.transpose(turn), width, height, name, _turned(box, image.size, turn))
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


def _checked_size(image: Image.Image, limits: PictureLimits, preprocessing: Preprocessing | None) -> tuple[Size, Box]:
    """The header's width and height, after asking a JPEG for a reduced scale; and where the picture will be in that."""
    width, height = image.size
    box: Box = (0, 0, width, height)
    if width * height > limits.max_declared_pixels:
        raise PictureFault("too large", f"{width}x{height} pixels, the limit is {limits.max_declared_pixels}")
    if preprocessing is not None and image.format in {"JPEG", "MPO"}:
        reduced = image.draft(None, _draft_size(width, height, preprocessing))  # None keeps the mode
        if reduced is not None:
            box = reduced[1]
    if image.width * image.height > limits.max_pixels:
        raise PictureFault("too large", f"{width}x{height} pixels, {limits.max_pixels} can be decoded")
    return (width, height), box


def _turned(box: Box, size: Size, turn: Image.Transpose) -> Box:
    """A box in an image of some size, where it is after the image was turned."""
    (left, top, right, bottom), (width, height) = box, size
    across, down = (left, right), (top, bottom)
    from_right, from_bottom = (width - right, width - left), (height - bottom, height - top)
    (left, right), (top, bottom) = {
        Image.Transpose.FLIP_LEFT_RIGHT: (from_right, down),
        Image.Transpose.ROTATE_180: (from_right, from_bottom),
        Image.Transpose.FLIP_TOP_BOTTOM: (across, from_bottom),
        Image.Transpose.TRANSPOSE: (down, across),
        Image.Transpose.ROTATE_270: (from_bottom, across),
        Image.Transpose.TRANSVERSE: (from_bottom, from_right),
        Image.Transpose.ROTATE_90: (down, from_right),
    }[turn]
    return left, top, right, bottom


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


def _fit(decoded: _Decoded, preprocessing: Preprocessing) -> tuple[Image.Image, Image.Image]:
    """An RGB picture at the network's size; and the smallest picture on the way there that still shows all of it."""
    image, box, side, fit = decoded.image, decoded.box, preprocessing.size, preprocessing.fit
    width, height = decoded.width, decoded.height
    if preprocessing.version == 1:
        (width, height), box = image.size, (0, 0, *image.size)
    if fit == "stretch":
        stretched = _resized(image, (side, side), box, preprocessing)
        return stretched, stretched
    if fit == "crop":
        return _resized(image, (side, side), _middle(box, width, height), preprocessing), image
    scale = side / max(width, height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = _resized(image, inner, box, preprocessing)
    if inner == (side, side):
        return small, small
    canvas = Image.new("RGB", (side, side), (preprocessing.pad_value,) * 3)
    canvas.paste(small, ((side - inner[0]) // 2, (side - inner[1]) // 2))
    return canvas, small


def _resized(image: Image.Image, size: Size, box: Box, preprocessing: Preprocessing) -> Image.Image:
    gap = _REDUCING_GAPS[preprocessing.version]
    return image.resize(size, RESAMPLES[preprocessing.resample], box=box, reducing_gap=gap)


def _middle(box: Box, width: int, height: int) -> Box:
    """The middle square of a picture of some size that lies in a box."""
    side = min(width, height)
    across, down = (box[2] - box[0]) / width, (box[3] - box[1]) / height  # of the box's pixels in one of the picture
    left, top = box[0] + (width - side) / 2 * across, box[1] + (height - side) / 2 * down
    return left, top, left + side * across, top + side * down
