"""When the frames of a moving file are looked at, beside its preview."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from storage.records import Post

VIDEOS, ARCHIVES, PICTURES = frozenset({"mp4", "webm"}), frozenset({"zip"}), frozenset({"gif", "png", "webp", "avif"})


@dataclass(frozen=True, slots=True)
class AnimationPolicy:
    """When frames of a file are looked at; by default never."""

    frames: int = 0  # of a file; 0: previews alone are judged
    max_bytes: int = 0  # of the file
    extensions: frozenset[str] = VIDEOS | ARCHIVES | PICTURES  # of files that can be decoded here

    def may_fetch(self, post: Post) -> bool:
        """Whether a post's file moves, can be decoded, and is small enough."""
        file = post.file
        if file is None or not self.frames or file.ext not in self.extensions or not 0 < file.size <= self.max_bytes:
            return False
        return file.ext not in PICTURES or post.duration_s is not None


def animation_policy(frames: int, megabytes: float) -> AnimationPolicy:
    """By the settings; files whose decoder is not installed are not fetched."""
    there = VIDEOS if find_spec("av") is not None else frozenset()
    return AnimationPolicy(frames, int(megabytes * 1_000_000), there | ARCHIVES | PICTURES)
