"""The trash: what lies in it and why, and the one way in which a file is ever destroyed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from storage.database.current_state import CURRENT, DECISION
from storage.database.tables import (
    AttemptRow,
    DecisionRow,
    FileRow,
    LabelRow,
    MoveRow,
    PostRow,
    RunRow,
    VersionRow,
)
from storage.errors import RefusedRequest
from storage.moves.moves import Move, intend, movable
from storage.records import Place

LEAST_DAYS = 1.0  # younger files are never purged: what was moved today may be today's mistake


@dataclass(frozen=True, slots=True)
class Trashed:
    """A file in the trash."""

    file_id: int
    site: str
    post_id: int
    target: str
    path: str  # relative to the root
    size: int  # bytes
    md5: str
    moved_at: datetime
    model: str | None  # whose decision moved it: `mona/3`; None: a person's label did
    reason: str  # why it was moved
    decision: str | None  # what holds now: keep | delete | undecided
    labelled: bool  # whether a person's word holds now


@dataclass(frozen=True, slots=True)
class TrashChoice:
    """Which files are meant: all conditions must hold."""

    posts: Sequence[int] = ()  # none: any post
    site: str | None = None
    target: str | None = None
    model: str | None = None  # what this one rejected, but for what a person rejects now

    def wants(self, one: Trashed) -> bool:
        """Whether this file is meant."""
        return (
            (not self.posts or one.post_id in self.posts)
            and self.site in (None, one.site)
            and self.target in (None, one.target)
            and (self.model is None or (one.model == self.model and not (one.labelled and one.decision == "delete")))
        )


EVERYTHING = TrashChoice()


@dataclass(frozen=True, slots=True)
class PurgePlan:
    """What purging would destroy."""

    older_than_days: float
    files: Sequence[Trashed]
    younger: int  # of the meant ones: in the trash for a shorter time
    wanted: int  # of the meant ones: no longer to be deleted, `crawl apply` brings them back


@dataclass(frozen=True, slots=True)
class Purged:
    """What was destroyed."""

    files: int
    changed: int  # restored, or decided or labelled anew, since the plan
    problems: tuple[str, ...]  # files that are not what their rows say; they stay where they are
    backup: Path | None  # of the database, made before


def trashed(connection: Connection) -> Sequence[Trashed]:
    """What lies in the trash, oldest first."""
    moved, its_decision = aliased(MoveRow), aliased(DecisionRow)
    last = (
        select(func.max(MoveRow.id))
        .where(MoveRow.file_id == FileRow.id, MoveRow.to_place == Place.TRASH.value, MoveRow.outcome == "done")
        .correlate(FileRow)
        .scalar_subquery()
    )
    files = (
        select(
            FileRow.id.label("file_id"),
            PostRow.site,
            PostRow.post_id,
            FileRow.target,
            FileRow.path,
            FileRow.size,
            FileRow.md5,
            func.coalesce(FileRow.moved_at, FileRow.stored_at).label("moved_at"),
            its_decision.model,
            its_decision.reason,
            moved.label_seq.is_not(None).label("by_label"),
            DECISION.label("decision"),
            LabelRow.seq.is_not(None).label("labelled"),
        )
        .join(VersionRow, VersionRow.id == FileRow.version_id)
        .join(PostRow, PostRow.key == VersionRow.post_key)
        .outerjoin(moved, moved.id == last)
        .outerjoin(its_decision, its_decision.seq == moved.decision_seq)
        .where(FileRow.place == Place.TRASH.value)
        .order_by(FileRow.moved_at, FileRow.id)
    )
    held = CURRENT.joined(files, CURRENT.of_row(FileRow), required=False, parts=("decision", "label"))
    return [_trashed(row) for row in connection.execute(held)]


def _trashed(row: Any) -> Trashed:
    return Trashed(
        file_id=row.file_id,
        site=row.site,
        post_id=row.post_id,
        target=row.target,
        path=row.path,
        size=row.size,
        md5=row.md5,
        moved_at=row.moved_at,
        model=None if row.by_label else row.model,
        reason="labelled delete" if row.by_label else row.reason or "",
        decision=row.decision,
        labelled=bool(row.labelled),
    )


def purged_of_model(connection: Connection, model: str) -> int:
    """How many of a model's rejects are gone for good."""
    statement = (
        select(func.count(func.distinct(FileRow.id)))
        .join(MoveRow, MoveRow.file_id == FileRow.id)
        .join(DecisionRow, DecisionRow.seq == MoveRow.decision_seq)
        .where(
            FileRow.place == Place.PURGED.value,
            MoveRow.to_place == Place.TRASH.value,
            MoveRow.label_seq.is_(None),
            DecisionRow.model == model,
        )
    )
    return int(connection.execute(statement).scalar_one())


def restore_some(connection: Connection, ids: Sequence[int], now: datetime) -> list[Move]:
    """Open a move back for those of these files that lie in the trash."""
    rows = connection.execute(movable().where(FileRow.id.in_(ids), FileRow.place == Place.TRASH.value)).all()
    return [intend(connection, row, Place.GALLERY, now) for row in rows]


def plan_purge(connection: Connection, which: TrashChoice, older_than_days: float, now: datetime) -> PurgePlan:
    """Which of the meant files are old enough, and still to be deleted.

    Raises:
        RefusedRequest: the age is too small, or the clock went backwards: no age can be believed.
    """
    if not older_than_days >= LEAST_DAYS:
        raise RefusedRequest(f"{older_than_days:g} days: purge spares what is younger than {LEAST_DAYS:g} day at least")
    newest = newest_time(connection)
    if newest is not None and now < newest:
        raise RefusedRequest(
            f"the clock says {now:%Y-%m-%d %H:%M}Z, but something was recorded at {newest:%Y-%m-%d %H:%M}Z; "
            "set the clock right, nothing was purged"
        )
    there = [one for one in trashed(connection) if which.wants(one)]
    old = [one for one in there if _old(one.moved_at, older_than_days, now)]
    doomed = [one for one in old if one.decision == "delete"]
    return PurgePlan(older_than_days, doomed, len(there) - len(old), len(old) - len(doomed))


def purge_planned(plan: PurgePlan) -> Callable[[Connection, Sequence[int], datetime], list[Move]]:
    """Opens purges for those of a plan's files that are still in the trash, still rejected, and still old enough."""

    def intend_some(connection: Connection, ids: Sequence[int], now: datetime) -> list[Move]:
        limit = now - timedelta(days=plan.older_than_days)
        rows = connection.execute(
            movable().where(
                FileRow.id.in_(ids),
                FileRow.place == Place.TRASH.value,
                DECISION == "delete",
                FileRow.moved_at <= limit,
            )
        ).all()
        return [intend(connection, row, Place.PURGED, now) for row in rows]

    return intend_some


def newest_time(connection: Connection) -> datetime | None:
    """The newest time that anything was recorded at."""
    columns = (
        RunRow.started_at,
        RunRow.ended_at,
        MoveRow.opened_at,
        MoveRow.closed_at,
        AttemptRow.opened_at,
        AttemptRow.closed_at,
        LabelRow.labelled_at,
        DecisionRow.decided_at,
        FileRow.moved_at,
        FileRow.stored_at,
    )
    found = [connection.execute(select(func.max(column))).scalar() for column in columns]
    return max((time for time in found if time is not None), default=None)


def _old(moved_at: datetime, days: float, now: datetime) -> bool:
    return now - moved_at >= timedelta(days=days)
