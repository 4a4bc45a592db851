"""How much there is of everything, counted for `crawl status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select, text

from storage.archive_records import RegisteredModel
from storage.database.current_state import CURRENT, DECISION, PLACE
from storage.database.results_view import results_select
from storage.database.tables import (
    AttemptRow,
    CurrentRow,
    DecisionRow,
    FileRow,
    GapRow,
    LabelRow,
    ListingRow,
    ModelRow,
    PostRow,
    RenditionRow,
    RunRow,
    VersionRow,
)
from storage.imports.seen_posts import SeenSite, seen_lists
from storage.records import DecidedBy
from storage.rows.models import models

RECENT_RUNS = 10
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


def decided_posts(connection: Connection, target: str) -> int:
    """How many posts were labelled for a target or decided by their tags or score, by whatever model."""
    without_fault = LabelRow.seq.is_not(None) | (DecisionRow.decided_by != DecidedBy.FAULT.value)
    statement = results_select().where(CurrentRow.target == target, DECISION.is_not(None), without_fault)
    return connection.execute(statement.with_only_columns(func.count())).scalar_one()


def status_of(connection: Connection, root: Path) -> Status:
    """Count."""

    def one(statement: Select[Any]) -> int:
        return int(connection.execute(statement).scalar() or 0)

    def sums(place: str) -> int:
        return one(select(func.sum(FileRow.size)).where(FileRow.place == place))

    return Status(
        root=root,
        schema=str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar()),
        posts=one(select(func.count(PostRow.key))),
        hidden=one(select(func.count(PostRow.key)).where(PostRow.hidden_reason.is_not(None))),
        versions=_counts(connection, select(VersionRow.state, func.count()).group_by(VersionRow.state)),
        troubles=_counts(
            connection,
            select(VersionRow.trouble, func.count())
            .where(VersionRow.trouble.is_not(None))
            .group_by(VersionRow.trouble)
            .order_by(func.count().desc()),
        ),
        decisions=_by_target(connection, DECISION),
        places=_by_target(connection, PLACE),
        labels=_counts(connection, select(LabelRow.value, func.count()).group_by(LabelRow.value)),
        models=models(connection),
        outdated=_outdated(connection),
        other_thresholds=other_thresholds(connection),
        runs=_runs(connection),
        listings=_listings(connection),
        gaps=one(select(func.count(GapRow.id)).where(GapRow.closed_at.is_(None))),
        open_attempts=one(select(func.count(AttemptRow.id)).where(AttemptRow.outcome.is_(None))),
        seen=seen_lists(connection),
        bytes_originals=sums("gallery"),
        bytes_renditions=one(select(func.sum(RenditionRow.size))),
        bytes_trash=sums("trash"),
        bytes_database=_size(root / "crawl.db"),
    )


def other_thresholds(connection: Connection) -> Sequence[OtherThreshold]:
    """As after rescoring, or a crawl, with another goal."""
    posts = func.count().label("posts")
    models_in_force = select(
        ModelRow.target, ModelRow.number, ModelRow.threshold.label("own"), DecisionRow.threshold, posts
    )
    statement = (
        CURRENT.joined(models_in_force, CurrentRow.target == ModelRow.target, parts=("decision",))
        .where(ModelRow.active, DecisionRow.model_hash == ModelRow.hash, DecisionRow.decided_by == DecidedBy.SCORE)
        .where(func.abs(DecisionRow.threshold - ModelRow.threshold) > _SAME_THRESHOLD)
        .group_by(ModelRow.target, DecisionRow.threshold)
        .order_by(ModelRow.target, posts.desc())
    )
    return tuple(
        OtherThreshold(row.target, f"{row.target}/{row.number}", row.own, row.threshold, row.posts)
        for row in connection.execute(statement)
    )


def _counts(connection: Connection, statement: Select[Any, int]) -> Mapping[str, int]:
    return {str(row[0]): int(row[1]) for row in connection.execute(statement)}


def _by_target(connection: Connection, column: Any) -> Mapping[str, Mapping[str, int]]:
    statement = (
        results_select()
        .with_only_columns(CurrentRow.target, column.label("value"), func.count().label("posts"))
        .where(CurrentRow.target.is_not(None), column.is_not(None))
        .group_by(CurrentRow.target, column)
    )
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.target, {})[row.value] = row.posts
    return found


def _outdated(connection: Connection) -> Mapping[str, int]:
    """As after a round that was killed between putting its model in force and deciding everything by it."""
    statement = (
        CURRENT.joined(select(CurrentRow.target, func.count()), parts=("decision",))
        .join(ModelRow, and_(ModelRow.target == CurrentRow.target, ModelRow.active))
        .where(DecisionRow.model_hash != "", DecisionRow.model_hash != ModelRow.hash)
        .group_by(CurrentRow.target)
    )
    return _counts(connection, statement)


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
