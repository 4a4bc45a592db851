"""Which posts can be exported, from which file of the gallery, and why the others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from interchange.files.pictures import PictureSettings
from interchange.files.placement import Expected
from interchange.samples import OTHER, UNDECIDED
from storage.exports.selection import ExportPost
from storage.records import PICTURE_EXTENSIONS

NAMED_AT_MOST = 5  # posts in one line

_NOT_HERE = {
    "none": "its original was not downloaded; crawl apply fetches what is kept, --renditions takes the smaller copy",
    "trash": "its original is in the trash",
    "purged": "its original was purged",
    "damaged": "its original is damaged; crawl apply fetches it again",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the gallery that can be exported."""

    path: str  # relative to the root
    ext: str
    width: int  # pixels
    height: int
    expected: Expected
    rendition: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a post is not exported."""

    why: str
    passing: bool = False  # it may be exported another time, and what an earlier run wrote of it stays


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user wants of what there is."""

    renditions: bool = False  # take the stored rendition where the original is not here
    least_side: int = 0  # pixels of the shorter side
    undecided: bool = True  # take pictures of which nobody knows yet
    videos: bool = False  # take files that are no pictures

    def source(self, post: ExportPost) -> SourceFile | Refusal:
        """The file to export, or why there is none."""
        if not self.undecided and label_of(post) == UNDECIDED:
            return Refusal("undecided, so no trainer should learn from it")
        found = self._file(post)
        if isinstance(found, Refusal):
            return found
        if not self.videos and found.ext not in PICTURE_EXTENSIONS:
            return Refusal(f"no picture ({found.ext})")
        if min(found.width, found.height) < self.least_side:
            return Refusal(f"its shorter side is below {self.least_side} pixels")
        return found

    def _file(self, post: ExportPost) -> SourceFile | Refusal:
        if post.place == "gallery" and post.path and post.md5:
            expected = Expected(post.size, "md5", post.md5)
            return SourceFile(post.path, post.ext, post.width, post.height, expected)
        small = post.rendition
        if self.renditions and small is not None:
            expected = Expected(small.size, "sha256", small.sha256)
            return SourceFile(small.path, small.ext, small.width, small.height, expected, rendition=True)
        return Refusal(_NOT_HERE.get(post.place, _NOT_HERE["none"]), passing=True)


def label_of(post: ExportPost) -> str:
    """A post's class: the target's name where it is kept, else `other`, or `undecided`."""
    if post.decision == "keep" and post.target:
        return post.target
    return OTHER if post.decision == "delete" else UNDECIDED


@dataclass(slots=True)
class LeftOut:
    """Posts that were not exported, by reason."""

    count: Counter[str] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)  # of these, what may be exported another time
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, post: ExportPost, refusal: Refusal) -> None:
        """Count one."""
        why = refusal.why
        self.count[why] += 1
        if refusal.passing:
            self.open[why] += 1
        named = self.names.setdefault(why, [])
        if len(named) < NAMED_AT_MOST:
            named.append(post.name)

    def lines(self) -> Iterator[str]:
        """For people: a line a reason."""
        for why, number in sorted(self.count.items()):
            names = ", ".join(self.names[why]) + (", …" if number > NAMED_AT_MOST else "")
            yield f"{why}: {number} ({names})"


def ending_of(source: SourceFile, pictures: PictureSettings, readable: frozenset[str] | None) -> str:
    """The ending that an exported picture has."""
    if readable is None and pictures.format is None:
        return source.ext
    return pictures.ending(source.ext, readable or frozenset({source.ext}))
