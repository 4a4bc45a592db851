"""What the site changed about a post since it was last read, and how often in one sync."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from storage.records import Post


class Change(StrEnum):
    """What became of a post."""

    NEW = "new"
    TAGS = "tags"
    RATING = "rating"
    REPLACED = "replaced"  # another file
    DELETED = "deleted"
    UNDELETED = "undeleted"
    BANNED = "banned"  # taken down at the artist's request
    UNBANNED = "unbanned"
    HIDDEN = "hidden"  # its file is not for us any more, for another reason
    SHOWN = "shown"  # its file is for us now
    GONE = "gone"  # the site has no such post any more


def changes_between(before: Post | None, now: Post) -> frozenset[Change]:
    """What differs between two statements of the site on one post; votes and the like are no changes.

    Args:
        before: as it was last read; None: it is new to us.
        now: as the site states it.
    """
    if before is None:
        return frozenset({Change.NEW})
    return frozenset(
        change
        for change, differs in (
            (Change.TAGS, before.tags != now.tags),
            (Change.RATING, before.rating is not now.rating),
            (Change.REPLACED, bool(before.file and now.file and before.file.md5 != now.file.md5)),
            (Change.DELETED, now.is_deleted and not before.is_deleted),
            (Change.UNDELETED, before.is_deleted and not now.is_deleted),
            (Change.BANNED, now.is_banned and not before.is_banned),
            (Change.UNBANNED, before.is_banned and not now.is_banned),
            (Change.HIDDEN, now.file is None and before.file is not None and not now.is_banned),
            (Change.SHOWN, now.file is not None and before.file is None and not before.is_banned),
        )
        if differs
    )


@dataclass(slots=True)
class ChangeTally:
    """Counts of one search's sync."""

    new: int = 0  # posts
    changed: int = 0  # posts of which anything differs
    by: Counter[Change] = field(default_factory=Counter)
    read_again: int = 0  # posts that were read because they had not been for long

    def count(self, found: frozenset[Change], posts: int = 1) -> None:
        """Count posts of which the same is found."""
        if found == {Change.NEW}:
            self.new += posts
        elif found:
            self.changed += posts
        for change in found:
            self.by[change] += posts

    @property
    def gone(self) -> int:
        """Posts that the site has no more."""
        return self.by[Change.GONE]


def lost_names(names: Iterable[str], before: Mapping[int, Post], now: Sequence[Post]) -> bool:
    """Whether a tag is gone from every post of a page that carried it: then the site may have renamed it.

    Args:
        names: tags that matter to us.
        before: posts as they were last read, by id.
        now: the page.
    """
    for name in names:
        carried = [post for post in now if post.id in before and name in before[post.id].tags.all()]
        if carried and not any(name in post.tags.all() for post in carried):
            return True
    return False
