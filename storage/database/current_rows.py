"""Writing what holds: a row of `standing` follows from the history, and repeats of it what needs an index.

`crawl verify` compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, insert, or_, select

from storage.database.current_state import CURRENT
from storage.database.engine import insert_or_update, new_id
from storage.database.tables import BasisRow, CurrentRow, DecisionRow

HOLD_KEY = ("version_id", "target")


def _unless_labelled(new: Any) -> ColumnElement[str | None]:
    """A machine's decision holds where no label does."""
    return case((CurrentRow.label_seq.is_(None), new.holds), else_=CurrentRow.holds)


def _label_or_machine(new: Any) -> ColumnElement[str | None]:
    """A label holds; where it was taken back, the machine's decision does again."""
    return case((new.label_seq.is_(None), CURRENT.by_machine), else_=new.holds)


HOLD_DECISION = insert_or_update(
    CurrentRow, HOLD_KEY, ("decision_seq", "machine_score", "basis_id"), {"holds": _unless_labelled}
)
HOLD_LABEL = insert_or_update(CurrentRow, HOLD_KEY, ("label_seq",), {"holds": _label_or_machine})


def basis_of(connection: Connection, model_hash: str, decided_by: str, threshold: float | None) -> int:
    """The row id of what decisions rest on beside the picture; made where there is none."""
    same = and_(
        BasisRow.model_hash == model_hash,
        BasisRow.decided_by == decided_by,
        BasisRow.threshold.is_not_distinct_from(threshold),
    )
    known = connection.execute(select(BasisRow.id).where(same)).scalar()
    if known is not None:
        return int(known)
    values = {"model_hash": model_hash, "decided_by": decided_by, "threshold": threshold}
    return new_id(connection, insert(BasisRow), values)


def repeats_history(held: ColumnElement[str | None]) -> ColumnElement[bool]:
    """Whether a row of `standing`, joined with its decision and its label, says what they say.

    Args:
        held: the decision that holds, by the history.
    """
    basis = (
        select(BasisRow.id)
        .where(
            BasisRow.model_hash == DecisionRow.model_hash,
            BasisRow.decided_by == DecisionRow.decided_by,
            BasisRow.threshold.is_not_distinct_from(DecisionRow.threshold),
        )
        .correlate(DecisionRow)
        .scalar_subquery()
    )
    return and_(
        CurrentRow.holds.is_not_distinct_from(held),
        CurrentRow.machine_score.is_not_distinct_from(DecisionRow.score),
        or_(CurrentRow.decision_seq.is_(None), CurrentRow.basis_id.is_not_distinct_from(basis)),
    )
