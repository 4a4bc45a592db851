"""What the review page shows: pictures by row id. No path of the disk is given out, and none is accepted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal, select

from storage.database.chunks import chunked
from storage.database.current_state import CURRENT, DECISION, PLACE
from storage.database.phrases import rounded
from storage.database.tables import (
    CurrentRow,
    DecisionRow,
    EmbeddingRow,
    LabelRow,
    PostRow,
    PostTagRow,
    RenditionRow,
    TagRow,
    VersionRow,
)
from storage.errors import StorageError
from storage.objects.location import files_of
from storage.reader import Reader
from storage.retrieval.same_files import OtherPost, other_posts
from storage.rows.labels import newest_label
from storage.rows.posts import tags_of
from storage.rows.status import held
from storage.search.answers import Extent, fitting_rows
from storage.search.fault_names import refuse_misspelt_faults
from storage.search.language import Leaf, Query, Tag
from storage.search.ranking import Ranks, lend
from storage.search.unknown_metatags import refuse_unknown_metatags

_RATIO: ColumnElement[float] = case(
    (
        and_(VersionRow.width >= 1, VersionRow.height >= 1),
        rounded(VersionRow.width * 1.0 / VersionRow.height, literal(3)),
    ),
    else_=1.0,
)  # width by height
_BIGGEST_RENDITION = 32 * 1024 * 1024  # bytes; more than that is no rendition


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures fit, in order: row ids of file versions, and width by height of each."""

    ids: Sequence[int]
    ratios: Sequence[float]
    cut: bool  # there are more than were asked for


@dataclass(frozen=True, slots=True)
class Word:
    """A label, as recorded."""

    seq: int
    value: str  # keep | delete | unsure | clear
    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """A machine decision, as recorded."""

    value: str
    decided_by: str
    reason: str
    score: float | None
    threshold: float | None
    model: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture and one target: everything that the page shows of it."""

    id: int  # of the file version
    site: str
    post_id: int
    md5: str
    ext: str
    width: int  # pixels of the original
    height: int
    file_size: int  # bytes
    rating: str
    site_score: int
    created_at: datetime
    source: str
    parent_id: int | None
    decision: str | None  # what holds: keep | delete | undecided
    score: float | None  # 0..1
    threshold: float | None
    model: str | None
    machine: str | None  # what the machine decided, whatever people say
    decided_by: str | None
    reason: str | None
    place: str
    word: Word | None  # the newest label
    rendition: str | None  # changes when the bytes change; None: there is nothing to show
    shown_side: int = 0  # longer side of what is shown, pixels; 0: nothing is
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by category
    others: Sequence[OtherPost] = ()  # with the very same file; a label holds for them, too


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pictures of a target there are, by what holds and by label."""

    total: int
    decisions: Mapping[str, int]  # keep | delete | undecided
    labels: Mapping[str, int]  # keep | delete | unsure
    newest: int  # the newest file version's id: it changes when a crawl adds pictures
    newest_label: int  # sequence number


def wanted(
    connection: Connection, query: Query, target: str, *, now: datetime, limit: int, ranks: Ranks | None = None
) -> Wanted:
    """Which pictures of a target fit an expression, in its order; of posts with one file the first stands for all.

    Args:
        connection: in a transaction.
        query: what to find, by `Reader.meant`.
        target: by name.
        now: what `age:` counts from; aware.
        limit: at most so many.
        ranks: what the learning loop says of the target, where the expression asks for it.
    Raises:
        QueryError: the expression cannot be evaluated; it names the term.
    """
    refuse_unknown_metatags(connection, query)
    if ranks is not None:
        lend(connection, ranks)
    columns = (VersionRow.id, VersionRow.md5, _RATIO.label("ratio"))
    ranked = ranks is not None and ranks.speak_of(query)
    extent = Extent(columns=columns, target=target, limit=limit + 1, ranked=ranked)
    rows = fitting_rows(connection, query, now, extent)
    if not rows:
        refuse_misspelt_faults(connection, query)
    cut = len(rows) > limit
    files: dict[str, Any] = {}
    for row in rows[:limit]:
        files.setdefault(row.md5, row)
    rows = list(files.values())
    return Wanted([row.id for row in rows], [row.ratio for row in rows], cut)


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A file version that a search has found."""

    version_id: int
    site: str
    post_id: int
    parent_id: int | None
    md5: str


def found_pictures(connection: Connection, query: Query, *, now: datetime, limit: int) -> Sequence[FoundPicture]:
    """The file versions whose posts fit an expression, in its order, each once.

    Args:
        connection: in a transaction.
        query: what to find, by `Reader.meant`; nothing that needs the learning loop's ranks.
        now: what `age:` counts from; aware.
        limit: at most so many.

    Raises:
        QueryError: the expression cannot be read or evaluated; it names the term.
    """
    refuse_unknown_metatags(connection, query)
    columns = (VersionRow.id, VersionRow.md5, PostRow.site, PostRow.post_id, PostRow.parent_id)
    rows = fitting_rows(connection, query, now, Extent(columns=columns))
    if not rows:
        refuse_misspelt_faults(connection, query)
    found = {row.id: FoundPicture(row.id, row.site, row.post_id, row.parent_id, row.md5) for row in rows}
    return list(found.values())[:limit]


def known_ratios(connection: Connection, ids: Sequence[int]) -> Mapping[int, float]:
    """Width by height of each picture that there is."""
    found: dict[int, float] = {}
    for chunk in chunked(ids):
        statement = select(VersionRow.id, _RATIO.label("ratio")).where(VersionRow.id.in_(chunk))
        found |= {row.id: row.ratio for row in connection.execute(statement)}
    return found


def pictures(connection: Connection, ids: Sequence[int], target: str) -> Sequence[Picture]:
    """The pictures with these ids, in this order; those that nobody knows are left out."""
    found: dict[int, Picture] = {}
    for chunk in chunked(list(dict.fromkeys(ids))):
        rows = connection.execute(_picture_select(target).where(VersionRow.id.in_(chunk))).all()
        tags = tags_of(connection, [row.key for row in rows])
        words = newest_words(connection, chunk, target)
        others = other_posts(connection, chunk, target)
        found |= {row.id: _picture(row, tags[row.key], words.get(row.id), others.get(row.id, ())) for row in rows}
    return [found[one] for one in ids if one in found]


def newest_words(connection: Connection, ids: Sequence[int], target: str) -> Mapping[int, Word]:
    """The newest label of each picture that has one."""
    newest = (
        select(func.max(LabelRow.seq))
        .where(LabelRow.version_id.in_(ids), LabelRow.target == target)
        .group_by(LabelRow.version_id)
    )
    rows = connection.execute(select(LabelRow.__table__).where(LabelRow.seq.in_(newest)))
    return {row.version_id: Word(row.seq, row.value, row.who, row.labelled_at) for row in rows}


def words_of(connection: Connection, version_id: int, target: str) -> Sequence[Word]:
    """The labels of a picture, newest first."""
    statement = (
        select(LabelRow.__table__)
        .where(LabelRow.version_id == version_id, LabelRow.target == target)
        .order_by(LabelRow.seq.desc())
    )
    return [Word(row.seq, row.value, row.who, row.labelled_at) for row in connection.execute(statement)]


def verdicts_of(connection: Connection, version_id: int, target: str) -> Sequence[Verdict]:
    """What machines decided about a picture, newest first."""
    statement = (
        select(DecisionRow.__table__)
        .where(DecisionRow.version_id == version_id, DecisionRow.target == target)
        .order_by(DecisionRow.seq.desc())
    )
    return [
        Verdict(row.value, row.decided_by, row.reason, row.score, row.threshold, row.model, row.decided_at)
        for row in connection.execute(statement)
    ]


def moment(connection: Connection) -> tuple[int, int, int]:
    """Ids of the newest embedding, decision and label; a look, a decision or a label changes them."""
    newest = (func.max(EmbeddingRow.id), func.max(DecisionRow.seq), func.max(LabelRow.seq))
    moments = [connection.execute(select(func.coalesce(one, 0))).scalar_one() for one in newest]
    return moments[0], moments[1], moments[2]


def counts(connection: Connection, target: str) -> Counts:
    """How much there is of a target."""
    decisions: Counter[str] = Counter()
    holding = held(connection, target)
    for one in holding:
        if one.value is not None and one.posts:
            decisions[one.value] += one.posts
    labelled = (
        select(LabelRow.value, func.count())
        .where(LabelRow.target == target)
        .where(LabelRow.seq.in_(select(CurrentRow.label_seq).where(CurrentRow.label_seq.is_not(None))))
        .where(LabelRow.version_id.not_in(select(VersionRow.id).where(VersionRow.replaced)))
        .group_by(LabelRow.value)
    )
    labels = dict(connection.execute(labelled).all())
    newest = connection.execute(select(func.coalesce(func.max(EmbeddingRow.id), 0))).scalar_one()
    return Counts(sum(one.posts for one in holding), decisions, labels, newest, newest_label(connection))


def absent_tags(connection: Connection, words: Iterable[Leaf]) -> Sequence[str]:
    """Of an expression's words, the plain tags that no post carries: most likely they are mistyped."""
    names = sorted({leaf.name for leaf in words if isinstance(leaf, Tag)})
    carried = select(TagRow.name).join(PostTagRow, PostTagRow.tag_id == TagRow.id).where(TagRow.name.in_(names))
    known = set(connection.execute(carried.distinct()).scalars()) if names else set()
    return [name for name in names if name not in known]


def tags_like(connection: Connection, start: str, *, limit: int) -> Sequence[tuple[str, str, int]]:
    """Tags that begin so, the most frequent first: name, category, posts."""
    fits = and_(TagRow.name >= start, TagRow.name < start + "\U0010ffff")
    posts = func.count(PostTagRow.post_key).label("posts")
    statement = (
        select(TagRow.name, TagRow.category, posts)
        .join(PostTagRow, PostTagRow.tag_id == TagRow.id)
        .where(fits)
        .group_by(TagRow.id)
        .order_by(posts.desc(), TagRow.name)
        .limit(limit)
    )
    return [(row.name, row.category, row.posts) for row in connection.execute(statement)]


class Renditions:
    """Bytes of stored renditions, found by id alone; nothing outside the root is ever reached."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._tree = files_of(reader.root)

    def close(self) -> None:
        """Let the root's handle go."""
        self._tree.close()

    def read(self, version_id: int) -> bytes | None:
        """The picture's stored rendition, or None when there is none that is what its row says."""
        row = self._reader.ask(lambda c: c.execute(_rendition_select().where(VersionRow.id == version_id)).first())
        if row is None:
            return None
        try:
            facts = self._tree.facts(row.path)
            if facts is None or facts.size != row.size or facts.size > _BIGGEST_RENDITION:
                return None
            content = self._tree.read(row.path)
        except (OSError, StorageError):
            return None
        return content if hashlib.sha256(content).hexdigest() == row.sha256 else None


def _rendition_select() -> Any:
    """The best stored rendition of each version, best first: none is bigger than what a screen shows well."""
    return (
        select(RenditionRow.path, RenditionRow.size, RenditionRow.sha256)
        .join(VersionRow, VersionRow.md5 == RenditionRow.md5)
        .where(RenditionRow.width > 0)  # the others are originals that are no pictures
        .order_by(RenditionRow.width.desc(), RenditionRow.name)
        .limit(1)
    )


def _of_the_best_rendition(column: Any) -> Any:
    """A value of the rendition that is shown of a version."""
    return (
        select(column)
        .where(RenditionRow.md5 == VersionRow.md5, RenditionRow.width > 0)
        .order_by(RenditionRow.width.desc(), RenditionRow.name)
        .limit(1)
        .correlate(VersionRow)
        .scalar_subquery()
    )


def _picture_select(target: str) -> Any:
    stored = _of_the_best_rendition(RenditionRow.sha256)
    side = _of_the_best_rendition(
        case((RenditionRow.width > RenditionRow.height, RenditionRow.width), else_=RenditionRow.height)
    )
    versions = (
        select(
            VersionRow.id,
            VersionRow.md5,
            VersionRow.ext,
            VersionRow.width,
            VersionRow.height,
            VersionRow.size,
            PostRow.key,
            PostRow.site,
            PostRow.post_id,
            PostRow.rating,
            PostRow.score.label("site_score"),
            PostRow.created_at,
            PostRow.source,
            PostRow.parent_id,
            DECISION.label("decision"),
            DecisionRow.score,
            DecisionRow.threshold,
            DecisionRow.model,
            DecisionRow.value.label("machine"),
            DecisionRow.decided_by,
            DecisionRow.reason,
            PLACE.label("place"),
            stored.label("rendition"),
            side.label("shown_side"),
        )
        .select_from(VersionRow)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
    )
    return CURRENT.joined(versions, CURRENT.of_version(target))


def _picture(row: Any, tags: Mapping[str, Sequence[str]], word: Word | None, others: Sequence[OtherPost]) -> Picture:
    return Picture(
        id=row.id,
        site=row.site,
        post_id=row.post_id,
        md5=row.md5,
        ext=row.ext,
        width=row.width,
        height=row.height,
        file_size=row.size,
        rating=row.rating,
        site_score=row.site_score,
        created_at=row.created_at,
        source=row.source,
        parent_id=row.parent_id,
        decision=row.decision,
        score=row.score,
        threshold=row.threshold,
        model=row.model,
        machine=row.machine,
        decided_by=row.decided_by,
        reason=row.reason,
        place=row.place,
        word=word,
        rendition=row.rendition,
        shown_side=row.shown_side or 0,
        tags=tags,
        others=others,
    )
