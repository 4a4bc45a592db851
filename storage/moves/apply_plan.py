"""What the files say and what is decided, compared: which originals should leave, come back, or be fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, not_, or_, select

from storage.database.current_state import CURRENT, DECISION
from storage.database.tables import CurrentRow, DecisionRow, FileRow, LabelRow, ModelRow, PostRow, VersionRow
from storage.imports.seen_posts import is_elsewhere
from storage.moves.moves import Move, intend, movable, overruled
from storage.records import DecisionValue, Place


@dataclass(frozen=True, slots=True)
class BrakeLimit:
    """How many of a target's files may leave at once without anybody having looked."""

    files: int = 50  # so many always …
    share: float = 0.2  # … or this share of the target's files, if that is more

    def holds(self, leaving: int, held: int) -> bool:
        """Whether somebody must look first, when so many of those held would leave."""
        return leaving > max(self.files, self.share * held)


BRAKE = BrakeLimit()


@dataclass(frozen=True, slots=True)
class Planned:
    """A file that should move, and what that rests on."""

    file_id: int
    site: str
    post_id: int
    target: str
    path: str
    size: int  # bytes
    decision_seq: int | None
    label_seq: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A post that is to be kept and whose original is not here."""

    post_key: int
    site: str
    post_id: int
    target: str
    reason: str


@dataclass(frozen=True, slots=True)
class Brake:
    """More files would leave than a change of mind explains: somebody should look first."""

    target: str
    leaving: int
    of: int  # files of the target in the gallery

    def __str__(self) -> str:
        return f"{self.leaving} of {self.of} files of {self.target} would leave"


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """What applying the decisions would do."""

    to_trash: Sequence[Planned]
    back: Sequence[Planned]  # from the trash to the gallery
    to_fetch: Sequence[Missing]
    brakes: Sequence[Brake] = ()
    of_other_models: int = 0  # rejected by a model that is not in force (any more): they stay until rescored
    seen: int = 0  # to be kept and not to be fetched, for another program has them
    restored: int = 0  # rejected by the decision that a person has overruled by restoring: they stay

    @property
    def empty(self) -> bool:
        """Whether files and decisions agree."""
        return not (self.to_trash or self.back or self.to_fetch)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done about a plan's files."""

    trashed: int = 0
    back: int = 0
    changed: int = 0  # a decision or label changed since the plan: they stay where they are
    problems: tuple[str, ...] = ()  # files that are not what their rows say; they stay where they are


def plan_apply(connection: Connection, target: str | None = None, limit: BrakeLimit = BRAKE) -> ApplyPlan:
    """Compare places with effective decisions.

    Args:
        target: only this one.
        limit: how many files may leave without a brake.
    """
    leaving = connection.execute(_planned(Place.GALLERY, DecisionValue.DELETE, target)).all()
    stale = [row for row in leaving if row.foreign]
    overruled = [row for row in leaving if not row.foreign and row.overruled]
    to_trash = [_plan(row) for row in leaving if not (row.foreign or row.overruled)]
    return ApplyPlan(
        to_trash=to_trash,
        back=[_plan(row) for row in connection.execute(_planned(Place.TRASH, DecisionValue.KEEP, target))],
        to_fetch=[Missing(*row) for row in connection.execute(_missing(target).where(not_(is_elsewhere())))],
        brakes=_brakes(to_trash, _in_gallery(connection), limit),
        of_other_models=len(stale),
        seen=len(connection.execute(_missing(target).where(is_elsewhere())).all()),
        restored=len(overruled),
    )


def trash_planned(
    plan: ApplyPlan, taken: frozenset[str]
) -> Callable[[Connection, Sequence[int], datetime], list[Move]]:
    """Opens moves to the trash for those of a plan's files whose decision is still the planned one."""
    return _intending({one.file_id: one for one in plan.to_trash}, Place.GALLERY, Place.TRASH, "delete", taken)


def restore_planned(plan: ApplyPlan) -> Callable[[Connection, Sequence[int], datetime], list[Move]]:
    """Opens moves back for those of a plan's files whose decision is still the planned one."""
    return _intending({one.file_id: one for one in plan.back}, Place.TRASH, Place.GALLERY, "keep", frozenset())


def _intending(
    planned: Mapping[int, Planned], source: Place, to: Place, decision: str, taken: frozenset[str]
) -> Callable[[Connection, Sequence[int], datetime], list[Move]]:
    def intend_some(connection: Connection, ids: Sequence[int], now: datetime) -> list[Move]:
        rows = connection.execute(
            movable().where(FileRow.id.in_(ids), FileRow.place == source.value, decision == DECISION)
        ).all()
        return [
            intend(connection, row, to, now, taken)
            for row in rows
            if (row.decision_seq, row.label_seq) == (planned[row.id].decision_seq, planned[row.id].label_seq)
        ]

    return intend_some


def _planned(place: Place, decision: DecisionValue, target: str | None) -> Any:
    statement = (
        movable()
        .add_columns(
            PostRow.site,
            _reason().label("reason"),
            _foreign().label("foreign"),
            overruled().label("overruled"),
        )
        .where(FileRow.place == place.value, decision.value == DECISION)
        .order_by(FileRow.target, PostRow.site, PostRow.post_id, FileRow.id)
    )
    return statement if target is None else statement.where(FileRow.target == target)


def _reason() -> ColumnElement[str]:
    """Why what holds does, for people."""
    return case((LabelRow.seq.is_not(None), "labelled by " + LabelRow.who), else_=func.coalesce(DecisionRow.reason, ""))


def _foreign() -> ColumnElement[bool]:
    """Whether the machine's word is that of a model which is not in force, while another one is."""
    in_force = (
        select(ModelRow.hash).where(ModelRow.target == FileRow.target, ModelRow.active).correlate(FileRow)
    ).scalar_subquery()
    return and_(
        LabelRow.seq.is_(None),
        in_force.is_not(None),
        func.coalesce(DecisionRow.model_hash, "") != func.coalesce(in_force, ""),
    )


def _plan(row: Any) -> Planned:
    return Planned(
        file_id=row.id,
        site=row.site,
        post_id=row.post_id,
        target=row.target,
        path=row.path,
        size=row.size,
        decision_seq=row.decision_seq,
        label_seq=row.label_seq,
        reason=row.reason,
    )


def _missing(target: str | None) -> Any:
    """Kept posts of which we have no original: never fetched, purged, or found damaged."""
    posts = (
        select(PostRow.key, PostRow.site, PostRow.post_id, CurrentRow.target, _reason())
        .select_from(CurrentRow)
        .join(VersionRow, CURRENT.of_version())
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
    )
    statement = (
        CURRENT.joined(posts)
        .where(
            DECISION == "keep",
            or_(FileRow.id.is_(None), FileRow.place.in_((Place.PURGED.value, Place.DAMAGED.value))),
            PostRow.hidden_reason.is_(None),
            VersionRow.state != "unavailable",
        )
        .order_by(PostRow.site, PostRow.post_id.desc(), CurrentRow.target)
    )
    return statement if target is None else statement.where(CurrentRow.target == target)


def _in_gallery(connection: Connection) -> Mapping[str, int]:
    statement = (
        select(FileRow.target, func.count()).where(FileRow.place == Place.GALLERY.value).group_by(FileRow.target)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def _brakes(leaving: Sequence[Planned], held: Mapping[str, int], limit: BrakeLimit) -> Sequence[Brake]:
    counts: dict[str, int] = {}
    for one in leaving:
        counts[one.target] = counts.get(one.target, 0) + 1
    return tuple(
        Brake(target, number, held.get(target, 0))
        for target, number in counts.items()
        if limit.holds(number, held.get(target, 0))
    )
