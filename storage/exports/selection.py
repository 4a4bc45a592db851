"""Posts that an expression finds, with everything that an export says of them; read in pieces and in a fixed order."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

from sqlalchemy import Connection, select

from storage.database.chunks import chunked
from storage.database.results_view import results_select, tags_joined
from storage.database.tables import CurrentRow, PartRow, PostRow, RenditionRow
from storage.reader import Reader
from storage.records import ELSEWHERE, ORIGINAL, PostTags, TagCategory
from storage.search.language import Query
from storage.search.sql import compile_query
from storage.search.unknown_metatags import refuse_unknown_metatags

Key = tuple[int, str | None]  # our number of a post, and a target's name

_AT_ONCE = 1000  # rows that are fetched together


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A rendition that lies in the gallery."""

    path: str  # relative to the root
    ext: str
    width: int
    height: int
    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class ExportPost:
    """A post and what holds for it and one target; the columns of `results`, typed."""

    site: str
    post_id: int
    target: str | None
    decision: str | None  # keep | delete | undecided
    md5: str | None
    ext: str
    width: int  # pixels of the original
    height: int
    size: int  # bytes
    place: str  # none | gallery | trash | purged | damaged
    path: str | None  # of the original, relative to the root
    split: str | None  # train | validation | test; None: no round has met the post
    rendition: StoredPicture | None = None  # the largest one
    decided_by: str | None = None
    reason: str | None = None
    score: float | None = None  # 0..1
    threshold: float | None = None  # 0..1
    model: str | None = None
    label: str | None = None
    tags: PostTags = field(default_factory=PostTags)
    rating: str = ""
    site_score: int = 0
    source: str = ""
    created_at: str = ""
    decided_at: str | None = None
    run_id: int | None = None

    @property
    def name(self) -> str:
        """How people call it: `danbooru 1234`."""
        return f"{self.site} {self.post_id}"


class SelectedKeys(Sequence[Key]):
    """Many keys in ten bytes each."""

    def __init__(self) -> None:
        self._posts, self._targets = array("q"), array("H")
        self._names: list[str | None] = []

    def append(self, key: int, target: str | None) -> None:
        """Add one."""
        if target not in self._names:
            self._names.append(target)
        self._posts.append(key)
        self._targets.append(self._names.index(target))

    def __len__(self) -> int:
        return len(self._posts)

    @overload
    def __getitem__(self, place: int) -> Key: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Key]: ...

    def __getitem__(self, place: int | slice) -> Key | Sequence[Key]:
        if isinstance(place, slice):
            targets = [self._names[number] for number in self._targets[place]]
            return list(zip(self._posts[place], targets, strict=True))
        return self._posts[place], self._names[self._targets[place]]


def selected_keys(reader: Reader, query: Query, now: datetime) -> Sequence[Key]:
    """Which posts and targets fit, by site, post and target, whatever order the expression asks for.

    Args:
        reader: of the gallery.
        query: what to find; its order says which ones where it has a limit.
        now: what `age:` counts from; aware.

    Raises:
        QueryError: a term cannot be evaluated; it is named.
    """
    meant = reader.meant(query)

    def find(connection: Connection) -> Sequence[Key]:
        refuse_unknown_metatags(connection, meant)
        ordered = _in_fixed_order(compile_query(meant, now), limited=meant.limit is not None)
        keys = SelectedKeys()
        for row in connection.execution_options(yield_per=_AT_ONCE).execute(ordered):
            keys.append(row.key, row.target)
        return keys

    return reader.ask(find)


def export_posts(reader: Reader, keys: Sequence[Key], *, brief: bool = False) -> Iterator[ExportPost]:
    """These posts in the same order, a few hundred in memory at a time; what is gone by now is left out.

    Args:
        reader: of the gallery.
        keys: as `selected_keys` gives them.
        brief: leave out tags and what decided, which take the longest to read.
    """
    for chunk in chunked(keys):
        yield from reader.ask(lambda c, some=chunk: _posts(c, some, brief=brief))  # type: ignore[misc]  # the default binds it now


def _in_fixed_order(statement: Any, *, limited: bool) -> Any:
    """By site, post and target; where there is a limit, those that it leaves.

    Without one nothing is sorted, for there is an index.
    """
    if not limited:
        return statement.order_by(None).order_by(PostRow.site, PostRow.post_id, CurrentRow.target)
    found = statement.add_columns(PostRow.site, PostRow.post_id).subquery().c
    return select(found.key, found.target).order_by(found.site, found.post_id, found.target)


_BRIEF = (
    "site", "post_id", "target", "decision", "md5", "file_ext", "width", "height", "file_size", "place", "path",
)  # fmt: skip
_FULL = (
    *_BRIEF, "decided_by", "reason", "score", "threshold", "model", "label", "rating", "site_score", "source",
    "created_at", "decided_at", "run_id", "tags_artist", "tags_copyright", "tags_character", "tags_general",
)  # fmt: skip
_RENAMED = {"file_ext": "ext", "file_size": "size"}


def _posts(connection: Connection, keys: Sequence[Key], *, brief: bool) -> list[ExportPost]:
    columns = {column.name: column for column in results_select().selected_columns}
    split = (
        select(PartRow.value)
        .where(PartRow.post_key == PostRow.key, PartRow.target == CurrentRow.target)
        .correlate(PostRow, CurrentRow)
        .scalar_subquery()
    )
    wanted = [columns[name] for name in (_BRIEF if brief else _FULL)]
    if not brief:
        wanted.append(tags_joined(TagCategory.META).label("tags_meta"))
    statement = results_select().with_only_columns(*wanted, split.label("split"), PostRow.key.label("key"))
    rows = connection.execute(statement.where(PostRow.key.in_({key for key, _ in keys}))).mappings().all()
    renditions = _renditions(connection, {row["md5"] for row in rows if row["md5"]})
    found = {(row["key"], row["target"]): _post(row, renditions.get(row["md5"])) for row in rows}
    return [found[key] for key in keys if key in found]


def _post(row: Any, rendition: StoredPicture | None) -> ExportPost:
    values = {_RENAMED.get(name, name): value for name, value in row.items() if name != "key"}
    tags = {one.value: tuple((values.pop(f"tags_{one.value}", "") or "").split()) for one in TagCategory}
    return ExportPost(**values, tags=PostTags(**tags), rendition=rendition)


def _renditions(connection: Connection, md5s: set[str]) -> dict[str, StoredPicture]:
    """The largest rendition of each; the last of equally large ones by name."""
    statement = (
        select(RenditionRow)
        .where(RenditionRow.md5.in_(md5s), RenditionRow.name.not_in((ORIGINAL, ELSEWHERE)))
        .order_by(RenditionRow.width * RenditionRow.height, RenditionRow.name)
    )
    table = RenditionRow.__table__.c
    columns = (table.md5, table.path, table.ext, table.width, table.height, table.size, table.sha256)
    rows = connection.execute(statement.with_only_columns(*columns))
    return {row.md5: StoredPicture(row.path, row.ext, row.width, row.height, row.size, row.sha256) for row in rows}
