"""What is known of a file that a post offers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file version on disk."""

    md5: str
    size: int  # bytes
    width: int  # pixels
    height: int  # pixels
    ext: str
    pixel_hash: str  # 32 hex digits, equal for equal pixels
    path: str  # of the original
    still: str = ""  # path of a picture to make previews from, where the original is no picture
    animated: bool = False
    duration: float | None = None  # seconds, animated media only
    delays: tuple[int, ...] = ()  # milliseconds a frame, ugoira only
