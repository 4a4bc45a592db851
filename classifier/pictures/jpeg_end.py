"""A JPEG without its end marker: whether it lacks nothing else.

Some cameras and downloads leave the last two bytes out. The decoder cannot tell that from a picture that was cut in
the middle: it fills what is missing with grey, and says nothing. So the picture is decoded several times with other
bits behind its end; pixels that are all there do not depend on them.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
from dataclasses import dataclass, field

from PIL import Image

_END = b"\xff\xd9"
_FILLS = (b"", b"\x00" * 1024, b"\x55" * 1024, b"\xaa" * 1024)  # bits behind the end; never a marker
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")  # anything but stuffing and restart markers
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive, by Huffman's codes
_ROOM = b"\0\0"  # at the end: room that was reserved for what never came; as bits, it could be anything


@dataclass(slots=True)
class _Layout:
    """What the markers say of the pixels."""

    width: int = 0
    height: int = 0
    blocks: dict[int, tuple[int, int]] = field(
        default_factory=dict
    )  # component -> 8x8 blocks across and down in a unit
    restart: int = 0  # units between two restart markers; 0: there are none
    lowest: dict[int, list[int]] = field(default_factory=dict)  # component -> lowest bit sent so far, by coefficient
    scan: tuple[int, ...] = ()  # components of the last scan
    scan_at: int = 0  # where its bits begin

    @property
    def complete(self) -> bool:
        """Whether every coefficient was sent to its last bit, if the last scan is whole."""
        return bool(self.blocks) and all(not any(self.lowest[one]) for one in self.blocks)

    @property
    def restarts(self) -> int:
        """How many restart markers the last scan has when it is whole."""
        if not self.restart:
            return 0
        most = [max(sizes) for sizes in zip(*self.blocks.values(), strict=True)]
        across, down = most if len(self.scan) > 1 else [1, 1]
        width, height = self.width, self.height
        if len(self.scan) == 1:  # its own blocks, not those that fill up a unit
            own = self.blocks[self.scan[0]]
            width, height = (
                -(-side * part // whole) for side, part, whole in zip((width, height), own, most, strict=True)
            )
        units = -(-width // (8 * across)) * -(-height // (8 * down))
        return -(-units // self.restart) - 1


def completed(jpeg: bytes, most_pixels: int) -> bytes | None:
    """The same JPEG with the end marker that it lacks; None where pixels are missing too, or where that cannot be
    known.

    Args:
        jpeg: that a decoder calls truncated.
        most_pixels: that may be decoded to find out.
    """
    body = jpeg.rstrip(b"\xff")
    layout = _layout(body)
    if layout is None or not layout.complete or layout.width * layout.height > most_pixels:
        return None
    if body.endswith(_ROOM) or len(_RESTART.findall(body, layout.scan_at)) != layout.restarts:
        return None
    first, *others = _FILLS
    seen = _pixels(body + first + _END)
    if seen is None or any(_pixels(body + fill + _END) != seen for fill in others):
        return None
    return body + _END


def _pixels(jpeg: bytes) -> bytes | None:
    """What tells these pixels from others; None when there are none."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            return hashlib.blake2b(image.tobytes()).digest()
    except (OSError, ValueError, SyntaxError, MemoryError):
        return None


def _layout(jpeg: bytes) -> _Layout | None:
    """Read the markers up to the bits of the last scan; None when they are odd, or the end is there."""
    layout, at = _Layout(), 2
    while found := _MARKER.search(jpeg, at):
        kind = jpeg[found.end() - 1]
        size = int.from_bytes(jpeg[found.end() : found.end() + 2], "big")
        segment = jpeg[found.end() + 2 : found.end() + size]
        if kind == _END[1] or size < 2 or len(segment) != size - 2:
            return None
        try:
            _read(layout, kind, segment)
        except (struct.error, IndexError, KeyError, ValueError):
            return None
        at = found.end() + size
        layout.scan_at = at
    return layout if layout.scan else None


def _read(layout: _Layout, kind: int, segment: bytes) -> None:
    """Take in one marker's segment.

    Raises:
        struct.error, IndexError, KeyError, ValueError: it makes no sense, or is of a kind that is not understood.
    """
    if kind in _FRAMES:
        _, layout.height, layout.width, count = struct.unpack_from(">BHHB", segment)
        for number in range(count):
            name, sampling = segment[6 + 3 * number : 8 + 3 * number]
            layout.blocks[name] = (sampling >> 4, sampling & 15)
            layout.lowest[name] = [255] * 64
    elif 0xC3 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
        raise ValueError("another kind of JPEG")
    elif kind == 0xDD:
        layout.restart = int.from_bytes(segment[:2], "big")
    elif kind == 0xDA:
        layout.scan = tuple(segment[1 + 2 * number] for number in range(segment[0]))
        first, last, bits = segment[1 + 2 * segment[0] :]
        for name in layout.scan:
            layout.lowest[name][first : last + 1] = [bits & 15] * (last + 1 - first)
