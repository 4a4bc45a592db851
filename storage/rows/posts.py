"""Posts to rows and back: metadata, file versions, tags, the site's AI tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, delete, func, select, tuple_
from sqlalchemy.engine import Row

from storage.database.bulk import insert_rows, put_rows, update_rows
from storage.database.chunks import chunked
from storage.database.engine import insert_new
from storage.database.tables import AiNameRow, AiTagRow, ListingRow, PostRow, PostTagRow, TagRow, VersionRow
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
_CATEGORIES = tuple(category.value for category in TagCategory)
_RATING, _HIDDEN = _POST_FACTS.index("rating"), _POST_FACTS.index("hidden_reason")
_COUNTS = tuple(f"count_{category}" for category in _CATEGORIES)

_CHANGING = (*_POST_FACTS, "has_ai_tags", *_COUNTS, "seen_at", "seen_run_id")
_NEW_POST = ("key", "site", "post_id", "md5", *_CHANGING)
_VERSION_FACTS = ("ext", "size", "width", "height", "url", "renditions")
_NEW_VERSION = (*_VERSION_FACTS, "state", "first_seen_at", "post_key", "md5")
_NEW_TAG = insert_new(TagRow)
_DROP = delete(PostTagRow).where(PostTagRow.post_key == bindparam("key"), PostTagRow.tag_id == bindparam("tag"))
_AI_DROPS = delete(AiTagRow).where(AiTagRow.post_key == bindparam("key"), AiTagRow.name_id == bindparam("name"))
_HIGHEST_KEY = select(func.coalesce(func.max(PostRow.key), 0))
_VERSION_IDS = (
    select(PostRow.post_id, VersionRow.md5, VersionRow.id)
    .join(PostRow, PostRow.key == VersionRow.post_key)
    .where(
        PostRow.site == bindparam("site"),
        PostRow.post_id.in_(bindparam("ids", expanding=True)),
        VersionRow.md5.in_(bindparam("md5s", expanding=True)),
    )
)
_VersionName: TypeAlias = tuple[str, int, str]  # site, post, md5


@dataclass(frozen=True, slots=True)
class _Page:
    """Posts that are filed together."""

    posts: Mapping[int, Post]  # by the site's number
    keys: Mapping[int, int]  # by the site's number
    known: frozenset[int]  # keys of those that were here before
    now: datetime


def site_names(connection: Connection) -> Sequence[str]:
    """The sites that posts of the gallery are of, however they came, and those whose searches found none; sorted."""
    first = select(func.min(PostRow.site).label("site")).cte(recursive=True)
    following = select(func.min(PostRow.site)).where(PostRow.site > first.c.site).scalar_subquery()
    of_posts = first.union_all(select(following).where(first.c.site.is_not(None)))  # a jump a site, not a row a post
    found = {
        *connection.execute(select(of_posts.c.site)).scalars(),
        *connection.execute(select(ListingRow.site)).scalars(),
    }
    return sorted(site for site in found if site is not None)


class PostRows:
    """Files posts; remembers the ids of tags and versions that it has met, until a rollback makes it forget."""

    def __init__(self) -> None:
        self._tags: dict[tuple[str, str], int] = {}
        self._ai_names = AiNames()
        self._versions: dict[_VersionName, int] = {}

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
        known = self._keys(connection, site, latest)
        first = 1 + connection.execute(_HIGHEST_KEY).scalar_one()
        keys = known | {id_: key for key, id_ in enumerate((id_ for id_ in latest if id_ not in known), first)}
        page = _Page(latest, {id_: keys[id_] for id_ in latest}, frozenset(known.values()), now)
        _file_facts(connection, page, run_id)
        _file_versions(connection, page)
        self._file_tags(connection, page)
        self._file_ai_tags(connection, page)
        return page.keys

    def version_of(self, connection: Connection, post: Post, run_id: int | None, now: datetime) -> int:
        """The row id of a post's current file version; the post is filed when it is not known.

        Raises:
            ValueError: the post is hidden and has no file.
        """
        return self.versions_of(connection, [post], run_id, now)[0]

    def versions_of(
        self, connection: Connection, posts: Sequence[Post], run_id: int | None, now: datetime
    ) -> Sequence[int]:
        """The row ids of posts' current file versions; posts that are not known are filed.

        Raises:
            ValueError: one of them is hidden and has no file.
        """
        names = [_version_name(post) for post in posts]
        unknown = {name: post for name, post in zip(names, posts, strict=True) if name not in self._versions}
        if unknown:
            if len(self._versions) + len(unknown) > MAX_VERSIONS:
                self._versions.clear()
                unknown = dict(zip(names, posts, strict=True))
            self._find_versions(connection, unknown)
            new = [name for name in unknown if name not in self._versions]  # in the posts' order: they get numbers
            for name in new:
                self.file(connection, [unknown[name]], run_id, now)
            self._find_versions(connection, new)
        return [self._versions[name] for name in names]

    def _find_versions(self, connection: Connection, names: Collection[_VersionName]) -> None:
        by_site: defaultdict[str, list[_VersionName]] = defaultdict(list)
        for name in sorted(names):
            by_site[name[0]].append(name)
        for site, its_names in by_site.items():
            for chunk in chunked(its_names):
                values = {"site": site, "ids": [name[1] for name in chunk], "md5s": [name[2] for name in chunk]}
                for row in connection.execute(_VERSION_IDS, values):
                    self._versions[site, row.post_id, row.md5] = row.id

    def _keys(self, connection: Connection, site: str, ids: Iterable[int]) -> dict[int, int]:
        keys: dict[int, int] = {}
        for chunk in chunked(list(ids)):
            rows = connection.execute(
                select(PostRow.post_id, PostRow.key).where(PostRow.site == site, PostRow.post_id.in_(chunk))
            )
            keys.update((row.post_id, row.key) for row in rows)
        return keys

    def _file_tags(self, connection: Connection, page: _Page) -> None:
        names = {id_: _named(post.tags) for id_, post in page.posts.items()}
        self._meet_tags(connection, {name for some in names.values() for name in some})
        ids = self._tags
        wanted = {(page.keys[id_], ids[name]) for id_, some in names.items() for name in some}
        there: set[tuple[int, int]] = set()
        for chunk in chunked(sorted(page.known)):
            carried = select(PostTagRow.post_key, PostTagRow.tag_id).where(PostTagRow.post_key.in_(chunk))
            there.update((key, tag) for key, tag in connection.execute(carried).all())
        if gone := there - wanted:
            connection.execute(_DROP, [{"key": key, "tag": tag} for key, tag in gone])
        insert_rows(connection, PostTagRow, ("post_key", "tag_id"), sorted(wanted - there))

    def _meet_tags(self, connection: Connection, names: Iterable[tuple[str, str]]) -> None:
        unknown = sorted(name for name in names if name not in self._tags)
        if not unknown:
            return
        if len(self._tags) + len(unknown) > MAX_REMEMBERED:
            self._tags.clear()
            unknown = sorted(names)
        new = [{"name": name, "category": category} for name, category in unknown]
        put_rows(connection, _NEW_TAG, ("name", "category"), new)
        for chunk in chunked(unknown):
            rows = connection.execute(
                select(TagRow.id, TagRow.name, TagRow.category).where(tuple_(TagRow.name, TagRow.category).in_(chunk))
            )
            self._tags.update(((row.name, row.category), row.id) for row in rows)

    def _file_ai_tags(self, connection: Connection, page: _Page) -> None:
        tagged = {page.keys[post.id]: post.ai_tags for post in page.posts.values() if post.ai_tags is not None}
        if not tagged:
            return
        ids = self._ai_names.ids(connection, {tag.name for tags in tagged.values() for tag in tags})
        wanted = {(key, ids[tag.name]): tag.score for key, tags in tagged.items() for tag in tags}
        there: dict[tuple[int, int], int] = {}
        for chunk in chunked(sorted(page.known.intersection(tagged))):
            said = select(AiTagRow.post_key, AiTagRow.name_id, AiTagRow.score).where(AiTagRow.post_key.in_(chunk))
            there.update(((key, name), score) for key, name, score in connection.execute(said).all())
        if gone := there.keys() - wanted.keys():
            connection.execute(_AI_DROPS, [{"key": key, "name": name} for key, name in gone])
        new = sorted((*at, score) for at, score in wanted.items() if at not in there)
        insert_rows(connection, AiTagRow, ("post_key", "name_id", "score"), new)
        changed = [(score, *at) for at, score in wanted.items() if there.get(at, score) != score]
        update_rows(connection, AiTagRow, ("score",), ("post_key", "name_id"), changed)


def _file_facts(connection: Connection, page: _Page, run_id: int | None) -> None:
    """The posts' own rows. A post that becomes hidden keeps the md5 of its last file."""
    new, known, shown = [], [], []
    for id_, post in page.posts.items():
        key, facts, md5 = page.keys[id_], _facts(post, run_id, page.now), post.file.md5 if post.file else None
        if key not in page.known:
            new.append((key, post.site, id_, md5, *facts))
            continue
        known.append((*facts, key))
        if md5 is not None:
            shown.append((md5, key))
    insert_rows(connection, PostRow, _NEW_POST, new)
    update_rows(connection, PostRow, _CHANGING, ("key",), known)
    update_rows(connection, PostRow, ("md5",), ("key",), shown)


def _file_versions(connection: Connection, page: _Page) -> None:
    there: set[tuple[int, str]] = set()
    for chunk in chunked(sorted(page.known)):
        stored = select(VersionRow.post_key, VersionRow.md5).where(VersionRow.post_key.in_(chunk))
        there.update((key, md5) for key, md5 in connection.execute(stored).all())
    new, known = [], []
    for id_, post in page.posts.items():
        if post.file is None:
            continue
        at, facts = (page.keys[id_], post.file.md5), _version_facts(post, post.file)
        if at in there:
            known.append((*facts, *at))
        else:
            new.append((*facts, "known", page.now, *at))
    insert_rows(connection, VersionRow, _NEW_VERSION, new)
    update_rows(connection, VersionRow, _VERSION_FACTS, ("post_key", "md5"), known)


def load_posts(connection: Connection, keys: Sequence[int]) -> list[Post]:
    """Rebuild posts from their rows, in the order of the keys."""
    posts: dict[int, Post] = {}
    for chunk in chunked(keys):
        tags = tags_of(connection, chunk)
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


def tags_of(connection: Connection, keys: Sequence[int]) -> Mapping[int, Mapping[str, Sequence[str]]]:
    """The tags of posts by key and category, every category there, names in their order; at most a chunk of keys."""
    found: defaultdict[int, dict[str, list[str]]] = defaultdict(lambda: {one.value: [] for one in TagCategory})
    statement = (
        select(PostTagRow.post_key, TagRow.category, TagRow.name)
        .join(TagRow, TagRow.id == PostTagRow.tag_id)
        .where(PostTagRow.post_key.in_(keys))
        .order_by(TagRow.name)
    )
    for key, category, name in connection.execute(statement):
        found[key].setdefault(category, []).append(name)
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


def _post(row: Row[Any], version: Row[Any] | None, tags: Mapping[str, Sequence[str]], ai_tags: list[AiTag]) -> Post:
    file = renditions = None
    if version is not None:
        file = FileVersion(version.md5, version.ext, version.size, version.width, version.height, version.url)
        renditions = tuple(Rendition(*facts) for facts in version.renditions)
    return Post(
        site=row.site,
        id=row.post_id,
        tags=PostTags(**{category.value: tuple(tags[category.value]) for category in TagCategory}),
        file=file,
        renditions=renditions or (),
        ai_tags=tuple(ai_tags) if row.has_ai_tags else None,
        **{name: getattr(row, name) for name in _POST_FACTS if name != "rating"},
        rating=Rating(row.rating),
    )


def _facts(post: Post, run_id: int | None, now: datetime) -> tuple[Any, ...]:
    """Values of `_CHANGING`."""
    facts = [getattr(post, name) for name in _POST_FACTS]
    facts[_RATING] = post.rating.value
    if post.file is None and post.hidden_reason is None:
        facts[_HIDDEN] = "unknown"
    return (*facts, post.ai_tags is not None, *(len(getattr(post.tags, one)) for one in _CATEGORIES), now, run_id)


def _named(tags: PostTags) -> list[tuple[str, str]]:
    """Every tag with its category."""
    return [(name, category) for category in _CATEGORIES for name in getattr(tags, category)]


def _version_facts(post: Post, file: FileVersion) -> tuple[Any, ...]:
    """Values of `_VERSION_FACTS`."""
    renditions = [[r.name, r.url, r.width, r.height, r.ext] for r in post.renditions]
    return (file.ext, file.size, file.width, file.height, file.url, renditions)


def _version_name(post: Post) -> _VersionName:
    if post.file is None:
        raise ValueError(f"post {post.id} is hidden ({post.hidden_reason}) and has no file")
    return post.site, post.id, post.file.md5
