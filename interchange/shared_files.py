"""Files that several posts have, on one site or more: which post stands for the picture in a set to train on.

A file is one picture, whatever its posts say. Kept as one post's and deleted as another's, it would be learned both
ways; doubt never deletes, so it is kept. Of posts that say the same the first by site and number stands for it, and its
split is the strictest of theirs. Where one of them was withdrawn, none stands for it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from interchange.choice import label_of
from interchange.samples import OTHER, SPLITS, UNDECIDED
from storage.exports.selection import ExportPost

_WITHDRAWN = ""  # in the place of a class


@dataclass(slots=True)
class SharedFiles:
    """What posts say of each file and target, read once before anything is written."""

    _stands: dict[int, tuple[str, int, int]] = field(default_factory=dict)  # by picture: class, post, split

    def add(self, post: ExportPost, *, withdrawn: bool) -> None:
        """Hear a post; they come by site and number."""
        picture, label = _picture_of(post), _WITHDRAWN if withdrawn else label_of(post)
        split = SPLITS.index(post.split) if post.split in SPLITS else 0
        before = self._stands.get(picture)
        if before is None:
            self._stands[picture] = label, _post_of(post), split
            return
        first = before if _rank(before[0]) <= _rank(label) else (label, _post_of(post), split)
        self._stands[picture] = first[0], first[1], max(split, before[2])

    def why_not(self, post: ExportPost) -> str | None:
        """Why another post stands for its file, or none; None: this one does, or nobody was heard of the file."""
        found = self._stands.get(_picture_of(post))
        if found is None:
            return None
        label, stands, _ = found
        if label == _WITHDRAWN:
            return "the same file as another post's, which was withdrawn"
        if stands == _post_of(post):
            return None
        same = label == label_of(post)
        return f"the same file as another post's, which is {'in the export' if same else f'there as {label}'}"

    def split_of(self, post: ExportPost) -> str:
        """The split of a post's file."""
        found = self._stands.get(_picture_of(post))
        return SPLITS[found[2]] if found is not None else SPLITS[0]

    def classes(self, *, split: bool) -> Counter[str]:
        """How many pictures of each class there are to train on.

        Args:
            split: whether the other splits are kept apart.
        """
        return Counter(
            label for label, _, part in self._stands.values() if label != _WITHDRAWN and not (split and part)
        )


def _picture_of(post: ExportPost) -> int:
    """Equal for posts that have one file, for one target."""
    return hash((post.md5 or post.name, post.target))


def _post_of(post: ExportPost) -> int:
    return hash((post.site, post.post_id))


def _rank(label: str) -> int:
    """The lower wins."""
    return {_WITHDRAWN: 0, UNDECIDED: 2, OTHER: 3}.get(label, 1)
