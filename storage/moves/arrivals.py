"""Files of posts that the user has already, and what is known of their posts: taken into the gallery, verified first.

An original lies among the renditions until a crawl keeps its post: the crawl looks at it there instead of fetching
anything, and gives it its name below `gallery/` (`Originals.adopt`). So an arrival belongs to no target yet.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import ColumnElement, Connection, and_, exists, not_, or_, select

from storage.archive_records import Digest
from storage.database.access import Access
from storage.database.chunks import chunked
from storage.database.current_state import CURRENT
from storage.database.tables import CurrentRow, DecisionRow, FileRow, PostRow, RenditionRow, VersionRow
from storage.errors import BadPath, RefusedFile
from storage.files.paths import rendition_path
from storage.files.store import FileStore
from storage.looks.look_rows import file_rendition
from storage.records import ELSEWHERE, ORIGINAL, Place, Post, PostTags, StoredRendition, TagCategory
from storage.rows.posts import PostRows, load_posts, tags_of
from storage.uninterrupted import uninterrupted
from system.flush import flush
from system.regular_files import open_regular

_PIECE = 1 << 20  # bytes that are copied at once
LARGEST_FILE = 1 << 34  # bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file outside the gallery, and what it is said to be."""

    path: Path  # absolute
    md5s: tuple[str, ...]  # one of them is the file's; 32 lower-case hex digits each
    ext: str  # one of FILE_EXTENSIONS
    width: int = 0  # pixels; 0: it is no picture
    height: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that is the gallery's now."""

    digest: Digest
    linked: bool  # whether it is the user's own file under a second name
    left: bool = False  # whether it stayed outside, and only where it lies is known


class Arrivals:
    """The archive's way in for what other programs fetched."""

    def __init__(self, access: Access, posts: PostRows) -> None:
        self._access = access
        self._posts = posts

    async def file_posts(self, posts: Sequence[Post], run_id: int) -> int:
        """Record posts that the gallery does not know, or knows from an earlier day; says how many.

        Args:
            posts: of one site, as somebody's file states them: what the site itself said later stays.
            run_id: of this import.
        """
        now = self._access.now()
        return await self._access.write(lambda c: file_newer(c, self._posts, posts, run_id, now))

    async def here(self, md5s: Collection[str]) -> frozenset[str]:
        """Which of these originals lie in the gallery, its trash or its renditions already, by size and name."""
        found = await self._access.read(lambda c: placed_originals(c, md5s))
        return await self._access.on_disk_to_the_last(
            lambda: frozenset(md5 for md5, path, size in found if _is_there(self._access.tree, path, size))
        )

    async def posted(self, md5s: Collection[str]) -> frozenset[str]:
        """Which of these files a post of any site, or of an import's own, is known to have or to have had."""
        return await self._access.read(lambda c: posted_files(c, md5s))

    async def unlooked(self, models: Mapping[str, str], *, above: int, limit: int) -> Sequence[tuple[int, Post]]:
        """Posts whose picture lies here whole and which these models have not decided, by rising key.

        Args:
            models: target -> hash of its model.
            above: keys that were met before.
            limit: posts.

        Returns: their keys, too.
        """
        return await self._access.read(lambda c: unlooked(c, models, above, limit))

    @uninterrupted
    async def take(self, arrival: Arrival, *, link: bool) -> Taken:
        """Copy a file into the gallery, or give it a second name there; bytes first, then the row.

        Killed in between, the same call finds the file in place and records it.

        Args:
            arrival: the file; it stays where it is.
            link: a second name where the disk has such, else a copy.

        Raises:
            RefusedFile: its bytes are not those of the md5, or its type is none of a post's.
            OSError: the file cannot be read.
            StorageError: the disk of the gallery refuses.
        """
        now, tree = self._access.now(), self._access.tree
        taken = await self._access.on_disk(lambda: _place(tree, arrival, link=link))
        if isinstance(taken, OSError):
            raise taken
        path = rendition_path(taken.digest.md5, ORIGINAL, arrival.ext)
        stored = StoredRendition(
            ORIGINAL, path, arrival.ext, arrival.width, arrival.height, taken.digest.size, taken.digest.sha256
        )
        await self._access.write(lambda c: file_rendition(c, taken.digest.md5, stored, now))
        return taken


def file_newer(connection: Connection, rows: PostRows, posts: Sequence[Post], run_id: int | None, now: datetime) -> int:
    """Record the posts whose rows are missing or older; says how many."""
    if not posts:
        return 0
    known: dict[int, tuple[int, datetime]] = {}
    for chunk in chunked([post.id for post in posts]):
        stated = select(PostRow.post_id, PostRow.key, PostRow.updated_at)
        found = connection.execute(stated.where(PostRow.site == posts[0].site, PostRow.post_id.in_(chunk)))
        known.update((row.post_id, (row.key, row.updated_at)) for row in found)
    new = [post for post in posts if post.id not in known or post.updated_at > known[post.id][1]]
    keys = {post.id: known[post.id][0] for post in new if post.id in known}
    rows.file(connection, _in_known_categories(connection, new, keys), run_id, now)
    return len(new)


def _in_known_categories(connection: Connection, posts: Sequence[Post], keys: Mapping[int, int]) -> list[Post]:
    """Posts whose facts put no tag into a category keep the categories that their tags have here."""
    bare = [keys[post.id] for post in posts if post.id in keys and post.tags.all() == frozenset(post.tags.general)]
    here: dict[int, Mapping[str, Sequence[str]]] = {}
    for chunk in chunked(bare):
        here.update(tags_of(connection, chunk))
    return [
        replace(post, tags=_divided(post.tags, here[keys[post.id]])) if keys.get(post.id) in here else post
        for post in posts
    ]


def _divided(tags: PostTags, here: Mapping[str, Sequence[str]]) -> PostTags:
    kinds = {name: category for category, names in here.items() for name in names}
    found: dict[str, list[str]] = {category.value: [] for category in TagCategory}
    for name in tags.general:
        found[kinds.get(name, TagCategory.GENERAL.value)].append(name)
    return PostTags(**{category: tuple(names) for category, names in found.items()})


def unlooked(connection: Connection, models: Mapping[str, str], above: int, limit: int) -> Sequence[tuple[int, Post]]:
    """See `Arrivals.unlooked`."""
    if not models:
        return ()
    pictures = exists().where(RenditionRow.md5 == VersionRow.md5, RenditionRow.width > 0)
    arrived = exists().where(RenditionRow.md5 == VersionRow.md5, RenditionRow.name.in_((ORIGINAL, ELSEWHERE)))
    statement = (
        select(PostRow.key)
        .join(VersionRow, and_(VersionRow.post_key == PostRow.key, VersionRow.md5 == PostRow.md5))
        .where(PostRow.key > above, PostRow.hidden_reason.is_(None), pictures, arrived)
        .where(or_(*(not_(_decided_by(target, model)) for target, model in models.items())))
        .order_by(PostRow.key)
        .limit(limit)
    )
    keys = connection.execute(statement).scalars().all()
    return list(zip(keys, load_posts(connection, keys), strict=True))


def _decided_by(target: str, model: str) -> ColumnElement[bool]:
    decided = CURRENT.joined(select(CurrentRow.version_id), parts=("decision",))
    return exists(decided.where(CURRENT.of_version(target), DecisionRow.model_hash == model).correlate(VersionRow))


def posted_files(connection: Connection, md5s: Collection[str]) -> frozenset[str]:
    """Which of these files a post has, or had."""
    found: set[str] = set()
    for chunk in chunked(sorted(set(md5s))):
        of_sites = select(VersionRow.md5).join(PostRow, PostRow.key == VersionRow.post_key)
        found.update(connection.execute(of_sites.where(VersionRow.md5.in_(chunk))).scalars())
    return frozenset(found)


def placed_originals(connection: Connection, md5s: Collection[str]) -> list[tuple[str, str, int]]:
    """Where originals are by their rows: md5, path, size in bytes."""
    found: list[tuple[str, str, int]] = []
    for chunk in chunked(sorted(set(md5s))):
        placed = select(FileRow.md5, FileRow.path, FileRow.size).where(
            FileRow.md5.in_(chunk), FileRow.place.in_((Place.GALLERY.value, Place.TRASH.value))
        )
        looked_at = select(RenditionRow.md5, RenditionRow.path, RenditionRow.size).where(
            RenditionRow.md5.in_(chunk), RenditionRow.name == ORIGINAL
        )
        for statement in (placed, looked_at):
            found += [(row.md5, row.path, row.size) for row in connection.execute(statement) if row.path is not None]
    return found


def _is_there(tree: FileStore, path: str, size: int) -> bool:
    try:
        facts = tree.facts(path)
    except BadPath:
        return False
    return facts is not None and facts.size == size


def _place(tree: FileStore, arrival: Arrival, *, link: bool) -> Taken | OSError:
    """Bring a file into its place; what cannot be read of the user's disk is no fault of the gallery's, and given."""
    rendition_path("0" * 32, ORIGINAL, arrival.ext)  # refuses the type before anything is copied
    staging = f"staging/import-{secrets.token_hex(8)}.part"
    try:
        source = open_regular(arrival.path, LARGEST_FILE, links=False)
    except OSError as error:
        return error
    try:
        with source:
            tree.prepare_staging()
            linked = link and tree.keeps_links and _second_name(tree, arrival.path, staging)
            digest = tree.digest(staging) if linked else _copy(tree, source, staging)
            if isinstance(digest, OSError):
                return digest
            refuse_other_bytes(arrival, digest)
            if not linked:
                tree.make_durable(staging)
            tree.move(staging, rendition_path(digest.md5, ORIGINAL, arrival.ext))
            return Taken(digest, linked)
    finally:
        tree.remove(staging)


def refuse_other_bytes(arrival: Arrival, digest: Digest) -> None:
    """Compare what a file's bytes are with what they are said to be.

    Raises:
        RefusedFile: they are others.
    """
    if digest.md5 not in arrival.md5s:
        raise RefusedFile(f"{arrival.path.name}: its md5 is {digest.md5}, not {' or '.join(arrival.md5s)}")


def _second_name(tree: FileStore, path: Path, staging: str) -> bool:
    """Whether the file has a second name in the gallery now; its mode is left as it is."""
    if not tree.disk.second_name(os.fspath(path), os.fspath(tree.root / staging), None, None):
        return False
    if os.access(path, os.W_OK):
        flush(path)
    return True


def _copy(tree: FileStore, source: BinaryIO, staging: str) -> Digest | OSError:
    """Copy an open file; gives what its bytes are, or why it cannot be read."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with (tree.root / staging).open("xb") as copy:
        while True:
            try:
                piece = source.read(_PIECE)
            except OSError as error:
                return error
            if not piece:
                return Digest(size, md5.hexdigest(), sha256.hexdigest())
            copy.write(piece)
            md5.update(piece)
            sha256.update(piece)
            size += len(piece)
