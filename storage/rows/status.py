"""How much there is of everything, counted for `crawl status`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, func, select, text

from storage.archive_records import RegisteredModel
from storage.database.engine import database_behind
from storage.database.tables import (
    AttemptRow,
    BasisRow,
    CurrentRow,
    FileRow,
    GapRow,
    LabelRow,
    ListingRow,
    PostRow,
    RenditionRow,
    RunRow,
    VersionRow,
)
from storage.imports.seen_posts import SeenSite, seen_lists
from storage.records import ELSEWHERE, DecidedBy, Place
from storage.rows.models import models

RECENT_RUNS = 10
_USUAL_STATE = "known"  # of a file version
_SAME_THRESHOLD = 1e-6  # decisions closer than this follow one policy


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run, as recorded."""

    id: int
    command: str
    site: str
    query: str
    targets: Sequence[str]
    state: str  # running | ended | killed
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    counts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ListingFacts:
    """A listing, as far as it has come."""

    id: int
    site: str
    query: str
    state: str  # walking | complete
    cursor: int | None
    newest: int | None
    counted: int | None
    gaps: int  # still open


@dataclass(frozen=True, slots=True)
class OtherThreshold:
    """Posts that the model in force has decided at another threshold than its own, as somebody asked for."""

    target: str
    model: str  # ModelCard.name
    own: float  # 0..1
    threshold: float  # 0..1
    posts: int  # decided by their score

    def words(self) -> str:
        """For people."""
        return (
            f"{self.posts} posts are decided at {self.threshold:.3f}, as was asked for, not at {self.model}'s own "
            f"{self.own:.3f}; the next crawl goes back to that, and so does crawl rescore {self.target}"
        )


@dataclass(frozen=True, slots=True)
class Status:
    """A gallery at one moment."""

    root: Path
    schema: str
    posts: int
    hidden: int  # posts without a file for us
    versions: Mapping[str, int]  # file versions by state: known, retry, unavailable
    troubles: Mapping[str, int]  # reasons of those that wait or were given up
    decisions: Mapping[str, Mapping[str, int]]  # target -> keep, delete, undecided -> posts; labels win
    places: Mapping[str, Mapping[str, int]]  # target -> gallery, trash, … -> originals
    labels: Mapping[str, int]  # by value, every label ever filed
    models: Sequence[RegisteredModel]
    outdated: Mapping[str, int]  # target -> posts that a model decided which is not in force (any more)
    other_thresholds: Sequence[OtherThreshold]
    runs: Sequence[RunFacts]  # the newest first
    listings: Sequence[ListingFacts]
    gaps: int  # still open
    open_attempts: int  # in flight, or of a program that died
    seen: Sequence[SeenSite]  # posts that other programs have, by their archives
    bytes_originals: int  # in the gallery, each name counted
    bytes_renditions: int
    bytes_trash: int
    bytes_database: int


@dataclass(frozen=True, slots=True)
class Held:
    """How often one thing holds on one basis."""

    target: str
    value: str | None  # keep | delete | undecided; None: only a file is known
    model_hash: str | None  # empty: no model took part; None: no machine decided
    decided_by: str | None  # of the machine's decision
    threshold: float | None  # of the machine's decision
    posts: int
    replaced: int  # file versions that their posts do not show any more


_REPLACED = select(VersionRow.id).where(VersionRow.replaced)  # few; they have an index


def held(connection: Connection, target: str | None = None) -> Sequence[Held]:
    """What holds, counted over the index that repeats it.

    Args:
        connection: in a transaction.
        target: only of this one; None: of all.
    """
    kinds = (CurrentRow.target, CurrentRow.holds, CurrentRow.basis_id)
    counted = select(*kinds, func.count().label("rows")).group_by(*kinds).order_by(*kinds)
    replaced = counted.where(CurrentRow.version_id.in_(_REPLACED))
    if target is not None:
        counted = counted.where(CurrentRow.target == target)
    gone = {(row.target, row.holds, row.basis_id): row.rows for row in connection.execute(replaced)}
    bases = {row.id: row for row in connection.execute(select(*BasisRow.__table__.c))}
    return [_held(row, bases.get(row.basis_id), gone) for row in connection.execute(counted)]


def _held(row: Any, basis: Any, gone: Mapping[Any, int]) -> Held:
    replaced = gone.get((row.target, row.holds, row.basis_id), 0)
    if basis is None:
        return Held(row.target, row.holds, None, None, None, row.rows - replaced, replaced)
    facts = (basis.model_hash, basis.decided_by, basis.threshold)
    return Held(row.target, row.holds, *facts, row.rows - replaced, replaced)


def decided_posts(connection: Connection, target: str) -> int:
    """How many posts were labelled for a target or decided by their tags or score, by whatever model."""
    by_machine = sum(
        one.posts for one in held(connection, target) if one.value is not None and one.decided_by != DecidedBy.FAULT
    )
    labelled_faults = (
        select(func.count())
        .select_from(CurrentRow)
        .join(BasisRow, BasisRow.id == CurrentRow.basis_id)
        .where(CurrentRow.label_seq.is_not(None), CurrentRow.target == target)
        .where(CurrentRow.version_id.not_in(_REPLACED))
        .where(BasisRow.decided_by == DecidedBy.FAULT.value)
    )
    return by_machine + int(connection.execute(labelled_faults).scalar_one())


def status_of(connection: Connection, root: Path) -> Status:
    """Count."""

    def one(statement: Select[Any]) -> int:
        return int(connection.execute(statement).scalar() or 0)

    def sums(place: str) -> int:
        return one(select(func.sum(FileRow.size)).where(FileRow.place == place))

    holding = held(connection)
    return Status(
        root=root,
        schema=str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar()),
        posts=one(select(func.count()).select_from(PostRow)),
        hidden=one(select(func.count()).select_from(PostRow).where(PostRow.hidden_reason.is_not(None))),
        versions=_version_states(connection),
        troubles=_counts(
            connection,
            select(VersionRow.trouble, func.count())
            .where(VersionRow.trouble.is_not(None))
            .group_by(VersionRow.trouble)
            .order_by(func.count().desc(), VersionRow.trouble),
        ),
        decisions=_decisions(holding),
        places=_places(connection, holding),
        labels=_counts(
            connection, select(LabelRow.value, func.count()).group_by(LabelRow.value).order_by(LabelRow.value)
        ),
        models=models(connection),
        outdated=_outdated(connection, holding),
        other_thresholds=_other_thresholds(connection, holding),
        runs=_runs(connection),
        listings=_listings(connection),
        gaps=one(select(func.count(GapRow.id)).where(GapRow.closed_at.is_(None))),
        open_attempts=one(select(func.count(AttemptRow.id)).where(AttemptRow.outcome.is_(None))),
        seen=seen_lists(connection),
        bytes_originals=sums("gallery"),
        bytes_renditions=one(select(func.sum(RenditionRow.size)).where(RenditionRow.name != ELSEWHERE)),
        bytes_trash=sums("trash"),
        bytes_database=database_behind(connection).size_of(connection),
    )


def other_thresholds(connection: Connection) -> Sequence[OtherThreshold]:
    """As after rescoring, or a crawl, with another goal."""
    return _other_thresholds(connection, held(connection))


def _other_thresholds(connection: Connection, holding: Sequence[Held]) -> Sequence[OtherThreshold]:
    found: Counter[tuple[str, str, float, float]] = Counter()
    in_force = {(model.card.target, model.card.hash): model.card for model in models(connection) if model.active}
    for one in holding:
        card = in_force.get((one.target, one.model_hash or ""))
        if card is None or one.threshold is None or one.decided_by != DecidedBy.SCORE:
            continue
        if abs(one.threshold - card.threshold) > _SAME_THRESHOLD:
            found[card.target, card.name, card.threshold, one.threshold] += one.posts + one.replaced
    rows = sorted(found.items(), key=lambda row: (row[0][0], -row[1]))
    return tuple(OtherThreshold(*which, posts) for which, posts in rows)


def _counts(connection: Connection, statement: Select[Any, int]) -> Mapping[str, int]:
    return {str(row[0]): int(row[1]) for row in connection.execute(statement)}


def _version_states(connection: Connection) -> Mapping[str, int]:
    """File versions by state; nearly all are known, and only the others have an index."""
    others = _counts(
        connection,
        select(VersionRow.state, func.count())
        .where(VersionRow.state != _USUAL_STATE)
        .group_by(VersionRow.state)
        .order_by(VersionRow.state),
    )
    usual = connection.execute(select(func.count()).select_from(VersionRow)).scalar_one() - sum(others.values())
    return {**({_USUAL_STATE: usual} if usual else {}), **others}


def _decisions(holding: Sequence[Held]) -> Mapping[str, Mapping[str, int]]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in holding:
        if one.value is not None and one.posts:
            found[one.target][one.value] += one.posts
    return found


def _places(connection: Connection, holding: Sequence[Held]) -> Mapping[str, Mapping[str, int]]:
    """Originals by place, and how many posts have none."""
    placed = (
        select(FileRow.target, FileRow.place, func.count().label("posts"))
        .where(FileRow.version_id.not_in(_REPLACED))
        .group_by(FileRow.target, FileRow.place)
        .order_by(FileRow.target, FileRow.place)
    )
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in holding:
        found[one.target][Place.NONE.value] += one.posts
    for row in connection.execute(placed):
        found[row.target][row.place] += row.posts
        found[row.target][Place.NONE.value] -= row.posts
    return {target: dict(+places) for target, places in found.items() if +places}


def _outdated(connection: Connection, holding: Sequence[Held]) -> Mapping[str, int]:
    """As after a round that was killed between putting its model in force and deciding everything by it."""
    in_force = {model.card.target: model.card.hash for model in models(connection) if model.active}
    found: Counter[str] = Counter()
    for one in holding:
        if one.model_hash and one.model_hash != in_force.get(one.target, one.model_hash):
            found[one.target] += one.posts + one.replaced
    return dict(sorted(found.items()))


def _runs(connection: Connection) -> Sequence[RunFacts]:
    rows = connection.execute(select(*RunRow.__table__.c).order_by(RunRow.id.desc()).limit(RECENT_RUNS))
    return tuple(
        RunFacts(
            id=row.id,
            command=row.command,
            site=row.site,
            query=row.query,
            targets=tuple(row.targets),
            state=row.state,
            started_at=row.started_at,
            ended_at=row.ended_at,
            exit_code=row.exit_code,
            counts=row.counts or {},
        )
        for row in rows
    )


def _listings(connection: Connection) -> Sequence[ListingFacts]:
    gaps = (
        select(func.count(GapRow.id))
        .where(GapRow.listing_id == ListingRow.id, GapRow.closed_at.is_(None))
        .scalar_subquery()
    )
    rows = connection.execute(select(*ListingRow.__table__.c, gaps.label("gaps")).order_by(ListingRow.id))
    return tuple(
        ListingFacts(row.id, row.site, row.query, row.state, row.cursor, row.newest, row.counted, row.gaps)
        for row in rows
    )
