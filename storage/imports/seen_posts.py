"""Posts whose files other programs fetched already, by those programs' own lists: what is there is never fetched again.

A list belongs to the archive that it was read from, so that taking one back leaves what another says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select
from sqlalchemy.orm import aliased

from storage.database.access import Access
from storage.database.chunks import chunked
from storage.database.engine import insert_new, new_id
from storage.database.tables import FileRow, PostRow, RenditionRow, SeenArchiveRow, SeenPostRow, VersionRow
from storage.records import ELSEWHERE, ORIGINAL, Place, Post

_NEW_POST = insert_new(SeenPostRow)
_ID = select(SeenArchiveRow.id)


@dataclass(frozen=True, slots=True)
class SeenSite:
    """What an archive says of one site."""

    archive: str  # the path of the file
    site: str
    posts: int


class SeenPosts:
    """The gallery's lists of what other programs fetched."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def file(self, archive: str, posts: Sequence[tuple[str, int]]) -> int:
        """Remember that an archive has these posts.

        Args:
            archive: the path of its file, absolute.
            posts: site and number.

        Returns: how many of them it was not known to have.
        """
        now = self._access.now()
        return await self._access.write(lambda c: _file(c, archive, posts, now))

    async def withdraw(self, archive: str, site: str | None = None) -> int:
        """Forget what an archive has, all of it or of one site; says how many posts. Its posts may be fetched again."""
        return await self._access.write(lambda c: _withdraw(c, archive, site))


def _file(connection: Connection, archive: str, posts: Sequence[tuple[str, int]], now: datetime) -> int:
    archive_id = connection.execute(_ID.where(SeenArchiveRow.path == archive)).scalar()
    if archive_id is None:
        archive_id = new_id(connection, insert_new(SeenArchiveRow), {"path": archive, "read_at": now})
    known = _known(connection, archive_id, posts)
    rows = [{"site": site, "post_id": number, "archive_id": archive_id} for site, number in set(posts) - known]
    if rows:
        connection.execute(_NEW_POST, rows)
    return len(rows)


def _known(connection: Connection, archive_id: int, posts: Sequence[tuple[str, int]]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for site in {site for site, _ in posts}:
        for chunk in chunked([number for of, number in posts if of == site]):
            statement = select(SeenPostRow.post_id).where(
                SeenPostRow.site == site, SeenPostRow.post_id.in_(chunk), SeenPostRow.archive_id == archive_id
            )
            found.update((site, number) for number in connection.execute(statement).scalars())
    return found


def _withdraw(connection: Connection, archive: str, site: str | None) -> int:
    archive_id = connection.execute(_ID.where(SeenArchiveRow.path == archive)).scalar()
    if archive_id is None:
        return 0
    its_posts = delete(SeenPostRow).where(SeenPostRow.archive_id == archive_id)
    gone = connection.execute(its_posts if site is None else its_posts.where(SeenPostRow.site == site)).rowcount
    left = connection.execute(select(SeenPostRow.post_id).where(SeenPostRow.archive_id == archive_id).limit(1)).first()
    if left is None:
        connection.execute(delete(SeenArchiveRow).where(SeenArchiveRow.id == archive_id))
    return gone


def new_among(connection: Connection, archive: str, posts: Sequence[tuple[str, int]]) -> int:
    """How many of these posts an archive was not known to have."""
    archive_id = connection.execute(_ID.where(SeenArchiveRow.path == archive)).scalar()
    known = set() if archive_id is None else _known(connection, archive_id, posts)
    return len(set(posts) - known)


def posts_of(connection: Connection, archive: str, site: str | None) -> int:
    """How many posts an archive is known to have, of one site or in all."""
    return sum(one.posts for one in seen_lists(connection) if one.archive == archive and site in (None, one.site))


def seen_lists(connection: Connection) -> Sequence[SeenSite]:
    """What every archive has, by path and site."""
    statement = (
        select(SeenArchiveRow.path, SeenPostRow.site, func.count().label("posts"))
        .join(SeenPostRow, SeenPostRow.archive_id == SeenArchiveRow.id)
        .group_by(SeenArchiveRow.path, SeenPostRow.site)
        .order_by(SeenArchiveRow.path, SeenPostRow.site)
    )
    return tuple(SeenSite(row.path, row.site, row.posts) for row in connection.execute(statement))


def seen_among(connection: Connection, posts: Iterable[Post]) -> frozenset[tuple[str, int]]:
    """Which of these posts an archive has: site and number."""
    by_site: dict[str, list[int]] = {}
    for post in posts:
        by_site.setdefault(post.site, []).append(post.id)
    found: set[tuple[str, int]] = set()
    for site, numbers in by_site.items():
        for chunk in chunked(numbers):
            statement = select(SeenPostRow.post_id).where(SeenPostRow.site == site, SeenPostRow.post_id.in_(chunk))
            found.update((site, number) for number in connection.execute(statement).scalars())
    return frozenset(found)


def is_seen() -> ColumnElement[bool]:
    """Whether an archive has the post of the row; for statements over posts."""
    return exists().where(SeenPostRow.site == PostRow.site, SeenPostRow.post_id == PostRow.post_id)


def is_elsewhere() -> ColumnElement[bool]:
    """Whether an archive has the post's file, and an import neither took it in nor found where it lies.

    For statements over posts and versions.
    """
    other, stored = aliased(FileRow), aliased(RenditionRow)  # the statement may have the tables itself
    placed = exists().where(other.md5 == VersionRow.md5, other.place.in_((Place.GALLERY.value, Place.TRASH.value)))
    looked_at = exists().where(stored.md5 == VersionRow.md5, stored.name.in_((ORIGINAL, ELSEWHERE)))
    return is_seen() & ~looked_at & ~placed
