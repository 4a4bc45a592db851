"""Posts to rows and back: metadata, file versions, tags, the site's AI tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, tuple_, update
from sqlalchemy.engine import Row

from storage.database.chunks import chunked
from storage.database.engine import insert_new, insert_or_update, update_or_insert
from storage.database.tables import AiNameRow, AiTagRow, PostRow, PostTagRow, TagRow, VersionRow
from storage.records import AiTag, FileVersion, Post, PostTags, Rating, Rendition, TagCategory
from storage.rows.ai_names import AiNames

MAX_REMEMBERED = 200_000  # names per memory; forgotten all at once beyond that
MAX_VERSIONS = 20_000  # file versions; a post is looked at soon after it was listed, or not at all in this run

_POST_FACTS = (
    "created_at",
    "updated_at",
    "rating",
    "score",
    "fav_count",
    "source",
    "uploader_id",
    "parent_id",
    "has_children",
    "is_pending",
    "is_flagged",
    "is_deleted",
    "is_banned",
    "hidden_reason",
    "pixel_hash",
    "duration_s",
    "width",
    "height",
    "ext",
    "size",
)
_COUNTS = tuple(f"count_{category.value}" for category in TagCategory)

_CHANGING = (*_POST_FACTS, "has_ai_tags", *_COUNTS, "seen_at", "seen_run_id")
_POINT_TO = (
    update(PostRow)
    .where(PostRow.site == bindparam("its_site"), PostRow.post_id == bindparam("its_id"))
    .values(md5=bindparam("now_md5"))
)
_VERSION_FACTS = ("ext", "size", "width", "height", "url", "renditions")
_NEW_TAG = insert_new(TagRow)
_CARRY = insert_new(PostTagRow)
_DROP = delete(PostTagRow).where(PostTagRow.post_key == bindparam("key"), PostTagRow.tag_id == bindparam("tag"))
_AI_SAYS = insert_or_update(AiTagRow, ("post_key", "name_id"), ("score",))
_AI_DROPS = delete(AiTagRow).where(AiTagRow.post_key == bindparam("key"), AiTagRow.name_id == bindparam("name"))
_VERSION_ID = (
    select(VersionRow.id)
    .join(PostRow, PostRow.key == VersionRow.post_key)
    .where(PostRow.site == bindparam("site"), PostRow.post_id == bindparam("id"), VersionRow.md5 == bindparam("md5"))
)


class PostRows:
    """Files posts; remembers the ids of tags and versions that it has met, until a rollback makes it forget."""

    def __init__(self) -> None:
        self._tags: dict[tuple[str, str], int] = {}
        self._ai_names = AiNames()
        self._versions: dict[tuple[str, int, str], int] = {}

    def forget(self) -> None:
        """Ids met in a transaction that was rolled back may not exist."""
        self._tags.clear()
        self._ai_names.forget()
        self._versions.clear()

    def file(
        self, connection: Connection, posts: Sequence[Post], run_id: int | None, now: datetime
    ) -> Mapping[int, int]:
        """Record posts as the site states them now.

        Args:
            posts: of one site; where an id comes twice, the last one counts.
        Returns:
            Post id -> our key.
        """
        latest = {post.id: post for post in posts}
        if not latest:
            return {}
        site = next(iter(latest.values())).site
        rows = [_post_row(post, run_id, now) for post in latest.values()]
        update_or_insert(connection, PostRow, ("site", "post_id"), _CHANGING, rows)
        keys = self._keys(connection, site, latest)
        visible = [post for post in latest.values() if post.file is not None]
        if visible:
            pointed = [{"its_site": site, "its_id": p.id, "now_md5": p.file.md5} for p in visible if p.file]
            connection.execute(_POINT_TO, pointed)
            versions = [_version_row(post, keys[post.id], now) for post in visible]
            update_or_insert(connection, VersionRow, ("post_key", "md5"), _VERSION_FACTS, versions)
        self._file_tags(connection, latest, keys)
        self._file_ai_tags(connection, latest, keys)
        return keys

    def version_of(self, connection: Connection, post: Post, run_id: int | None, now: datetime) -> int:
        """The row id of a post's current file version; the post is filed when it is not known.

        Raises:
            ValueError: the post is hidden and has no file.
        """
        if post.file is None:
            raise ValueError(f"post {post.id} is hidden ({post.hidden_reason}) and has no file")
        name = (post.site, post.id, post.file.md5)
        known = self._versions.get(name)
        if known is not None:
            return known
        values = {"site": post.site, "id": post.id, "md5": post.file.md5}
        found = connection.execute(_VERSION_ID, values).scalar()
        if found is None:
            self.file(connection, [post], run_id, now)
            found = connection.execute(_VERSION_ID, values).scalar_one()
        _make_room(self._versions)
        self._versions[name] = found
        return int(found)

    def _keys(self, connection: Connection, site: str, ids: Iterable[int]) -> dict[int, int]:
        keys: dict[int, int] = {}
        for chunk in chunked(list(ids)):
            rows = connection.execute(
                select(PostRow.post_id, PostRow.key).where(PostRow.site == site, PostRow.post_id.in_(chunk))
            )
            keys.update((row.post_id, row.key) for row in rows)
        return keys

    def _file_tags(self, connection: Connection, posts: Mapping[int, Post], keys: Mapping[int, int]) -> None:
        wanted_names = {
            post_id: [(name, category.value) for category in TagCategory for name in post.tags.of(category)]
            for post_id, post in posts.items()
        }
        self._meet_tags(connection, {name for names in wanted_names.values() for name in names})
        wanted = {(keys[post_id], self._tags[name]) for post_id, names in wanted_names.items() for name in names}
        there: set[tuple[int, int]] = set()
        for chunk in chunked(list(keys.values())):
            rows = connection.execute(
                select(PostTagRow.post_key, PostTagRow.tag_id).where(PostTagRow.post_key.in_(chunk))
            )
            there.update((row.post_key, row.tag_id) for row in rows)
        if gone := there - wanted:
            connection.execute(_DROP, [{"key": key, "tag": tag} for key, tag in gone])
        if new := sorted(wanted - there):
            connection.execute(_CARRY, [{"post_key": key, "tag_id": tag} for key, tag in new])

    def _meet_tags(self, connection: Connection, names: Iterable[tuple[str, str]]) -> None:
        unknown = sorted(name for name in names if name not in self._tags)
        if not unknown:
            return
        if len(self._tags) + len(unknown) > MAX_REMEMBERED:
            self._tags.clear()
            unknown = sorted(names)
        connection.execute(_NEW_TAG, [{"name": name, "category": category} for name, category in unknown])
        for chunk in chunked(unknown):
            rows = connection.execute(
                select(TagRow.id, TagRow.name, TagRow.category).where(tuple_(TagRow.name, TagRow.category).in_(chunk))
            )
            self._tags.update(((row.name, row.category), row.id) for row in rows)

    def _file_ai_tags(self, connection: Connection, posts: Mapping[int, Post], keys: Mapping[int, int]) -> None:
        tagged = {keys[post.id]: post.ai_tags for post in posts.values() if post.ai_tags is not None}
        if not tagged:
            return
        ids = self._ai_names.ids(connection, {tag.name for tags in tagged.values() for tag in tags})
        wanted = {(key, ids[tag.name]): tag.score for key, tags in tagged.items() for tag in tags}
        there: dict[tuple[int, int], int] = {}
        for chunk in chunked(list(tagged)):
            rows = connection.execute(
                select(AiTagRow.post_key, AiTagRow.name_id, AiTagRow.score).where(AiTagRow.post_key.in_(chunk))
            )
            there.update(((row.post_key, row.name_id), row.score) for row in rows)
        if gone := there.keys() - wanted.keys():
            connection.execute(_AI_DROPS, [{"key": key, "name": name} for key, name in gone])
        if new := sorted((at, score) for at, score in wanted.items() if there.get(at) != score):
            connection.execute(_AI_SAYS, [{"post_key": k, "name_id": n, "score": score} for (k, n), score in new])


def load_posts(connection: Connection, keys: Sequence[int]) -> list[Post]:
    """Rebuild posts from their rows, in the order of the keys."""
    posts: dict[int, Post] = {}
    for chunk in chunked(keys):
        tags = _tags_of(connection, chunk)
        ai_tags = _ai_tags_of(connection, chunk)
        versions = {
            (row.post_key, row.md5): row
            for row in connection.execute(_versions_of().where(VersionRow.post_key.in_(chunk)))
        }
        for row in connection.execute(_posts_of().where(PostRow.key.in_(chunk))):
            version = None if row.hidden_reason is not None else versions.get((row.key, row.md5))
            posts[row.key] = _post(row, version, tags[row.key], ai_tags[row.key])
    return [posts[key] for key in keys if key in posts]


def _posts_of() -> Any:
    return select(*PostRow.__table__.c)


def _versions_of() -> Any:
    return select(*VersionRow.__table__.c)


def _tags_of(connection: Connection, keys: Sequence[int]) -> Mapping[int, Mapping[str, list[str]]]:
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    rows = connection.execute(
        select(PostTagRow.post_key, TagRow.name, TagRow.category)
        .join(TagRow, TagRow.id == PostTagRow.tag_id)
        .where(PostTagRow.post_key.in_(keys))
    )
    for row in rows:
        found[row.post_key][row.category].append(row.name)
    return found


def _ai_tags_of(connection: Connection, keys: Sequence[int]) -> Mapping[int, list[AiTag]]:
    found: dict[int, list[AiTag]] = defaultdict(list)
    rows = connection.execute(
        select(AiTagRow.post_key, AiNameRow.name, AiTagRow.score)
        .join(AiNameRow, AiNameRow.id == AiTagRow.name_id)
        .where(AiTagRow.post_key.in_(keys))
        .order_by(AiTagRow.score.desc(), AiNameRow.name)
    )
    for row in rows:
        found[row.post_key].append(AiTag(row.name, row.score))
    return found


def _post(row: Row[Any], version: Row[Any] | None, tags: Mapping[str, list[str]], ai_tags: list[AiTag]) -> Post:
    file = renditions = None
    if version is not None:
        file = FileVersion(version.md5, version.ext, version.size, version.width, version.height, version.url)
        renditions = tuple(Rendition(*facts) for facts in version.renditions)
    return Post(
        site=row.site,
        id=row.post_id,
        tags=PostTags(**{category.value: tuple(sorted(tags[category.value])) for category in TagCategory}),
        file=file,
        renditions=renditions or (),
        ai_tags=tuple(ai_tags) if row.has_ai_tags else None,
        **{name: getattr(row, name) for name in _POST_FACTS if name != "rating"},
        rating=Rating(row.rating),
    )


def _post_row(post: Post, run_id: int | None, now: datetime) -> dict[str, Any]:
    row = {name: getattr(post, name) for name in _POST_FACTS}
    row.update({f"count_{category.value}": len(post.tags.of(category)) for category in TagCategory})
    row.update(
        site=post.site,
        post_id=post.id,
        md5=None,  # set where there is a file; a post that becomes hidden keeps its last one
        rating=post.rating.value,
        has_ai_tags=post.ai_tags is not None,
        seen_at=now,
        seen_run_id=run_id,
    )
    if post.file is None and post.hidden_reason is None:
        row["hidden_reason"] = "unknown"
    return row


def _version_row(post: Post, key: int, now: datetime) -> dict[str, Any]:
    file = post.file
    if file is None:
        raise ValueError(f"post {post.id} has no file")
    return {
        "post_key": key,
        "md5": file.md5,
        "ext": file.ext,
        "size": file.size,
        "width": file.width,
        "height": file.height,
        "url": file.url,
        "renditions": [[r.name, r.url, r.width, r.height, r.ext] for r in post.renditions],
        "state": "known",
        "trouble": None,
        "first_seen_at": now,
    }


def _make_room(memory: dict[Any, Any]) -> None:
    if len(memory) >= MAX_VERSIONS:
        memory.clear()
