"""Ugoira: a ZIP of pictures, each shown as long as a list of delays says.

The list is the archive's own `animation.json`, or comes from the site's facts of the post; nothing in the archive's
pictures says it, and a player that opens the archive as a film invents 25 frames a second.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from PIL import Image

from classifier.errors import PictureFault, VideoFault
from classifier.pictures.preprocessing import PictureLimits, decode, sniff
from classifier.video.animation import INSTEAD_MS, StillFrame
from classifier.video.containers import UGOIRA
from classifier.video.records import VideoInfo, VideoLimits

LIST = "animation.json"
LARGEST_LIST = 1024 * 1024  # bytes
_LARGEST_FRAME = 32 * 1024 * 1024  # bytes, unpacked
_LONGEST_DELAY = 600_000  # milliseconds
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Ugoira:
    """An archive of frames that is open; see `FrameSource`."""

    def __init__(
        self, data: bytes, limits: VideoLimits, delays_ms: Sequence[int] | None = None, *, untimed: bool = False
    ) -> None:
        """Read the list.

        Args:
            data: the archive.
            limits: what it may cost.
            delays_ms: from elsewhere, one a picture in the order of their names; the archive's own list is believed
                first.
            untimed: where nobody knows the delays, take a tenth of a second for each.

        Raises:
            VideoFault: it is no archive of pictures, has too many, or nobody knows how long each is shown.
        """
        self.trouble = ""
        try:
            self._archive = zipfile.ZipFile(BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
            raise VideoFault("undecodable", f"no whole ZIP archive: {error}"[:200]) from None
        self._limits = PictureLimits(max_bytes=_LARGEST_FRAME, max_pixels=limits.max_pixels)
        self._entries = {one.filename: one for one in self._archive.infolist() if not one.is_dir()}
        if len(self._entries) > limits.max_animation_frames:
            raise VideoFault(
                "too many frames", f"{len(self._entries)} files; it may have {limits.max_animation_frames}"
            )
        self._timed = self._list(delays_ms, untimed=untimed)
        first = self._picture(self._timed[0][0])
        total = sum(delay for _, delay in self._timed) / 1000
        self.info = VideoInfo(UGOIRA, *first.size, total, len(self._timed) / total)

    def close(self) -> None:
        """Let the archive go."""
        self._archive.close()

    def frames(self, from_s: float) -> Iterator[StillFrame]:
        """See `FrameSource`."""
        time_s = 0.0
        for name, delay in self._timed:
            if time_s + delay / 1000 >= from_s:
                try:
                    yield StillFrame(self._picture(name), time_s)
                except VideoFault as fault:
                    self.trouble = f"frame {name}: {fault}"[:200]
                    return
            time_s += delay / 1000

    def _list(self, delays: Sequence[int] | None, *, untimed: bool) -> list[tuple[str, int]]:
        """Names of the frames with their delays in milliseconds."""
        own = self._own_list()
        if own:
            return own
        names = sorted(name for name in self._entries if name != LIST)
        if not names:
            raise VideoFault("no frames", "the archive has no files")
        if not self._is_picture(names[0]):
            raise VideoFault("no video", "a ZIP archive whose files are no pictures")
        if delays is not None and len(delays) == len(names) and all(map(_is_delay, delays)):
            return list(zip(names, delays, strict=True))
        if untimed:
            return [(name, INSTEAD_MS) for name in names]
        known = "nothing states them" if delays is None else f"{len(delays)} are stated for {len(names)} pictures"
        raise VideoFault("delays unknown", f"{known}: neither {LIST} in the archive nor a file of facts beside it")

    def _own_list(self) -> list[tuple[str, int]]:
        """From `animation.json`: a list, or one below `frames` or `ugokuIllustData.frames`; empty: there is none."""
        if LIST not in self._entries:
            return []
        try:
            return listed_frames(json.loads(self._read(LIST, LARGEST_LIST)), self._entries)
        except (ValueError, RecursionError, VideoFault):
            return []

    def _is_picture(self, name: str) -> bool:
        return sniff(self._read(name, _LARGEST_FRAME)[:64]) is not None

    def _picture(self, name: str) -> Image.Image:
        try:
            return Image.fromarray(decode(self._read(name, _LARGEST_FRAME), limits=self._limits))
        except PictureFault as fault:
            raise VideoFault("undecodable", str(fault)) from None

    def _read(self, name: str, most: int) -> bytes:
        """An entry's bytes; an archive may claim anything of its size."""
        entry = self._entries[name]
        if entry.file_size > most or entry.compress_type not in _PLAIN or entry.flag_bits & 1:
            raise VideoFault("too large", f"{name} is too large, encrypted or packed in an unusual way")
        try:
            with self._archive.open(entry) as file:
                return file.read(most)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
            raise VideoFault("truncated", f"{name}: {error}"[:200]) from None


def listed_frames(facts: Any, there: Any) -> list[tuple[str, int]]:
    """Frames and delays as Pixiv and Danbooru list them; empty where that makes no sense.

    Args:
        facts: `[{"file": "000000.jpg", "delay": 60}, …]`, or an object with such a list below `frames` or below
            `ugokuIllustData` / `frames`.
        there: names of the files that there are.
    """
    if isinstance(facts, dict):
        inner = facts.get("ugokuIllustData")
        facts = facts.get("frames", inner.get("frames") if isinstance(inner, dict) else None)
    if not isinstance(facts, list) or not facts or not all(isinstance(one, dict) for one in facts):
        return []
    found = [(one.get("file"), one.get("delay")) for one in facts]
    whole = all(isinstance(name, str) and name in there and _is_delay(delay) for name, delay in found)
    return [(str(name), int(delay)) for name, delay in found if delay is not None] if whole else []


def _is_delay(value: object) -> bool:
    return type(value) is int and 0 < value <= _LONGEST_DELAY
