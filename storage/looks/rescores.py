"""Known pictures under another model: scores and decisions of many at once, by the same identities as single looks.

A row in a passing table each, then three statements over all of them: asked one by one, a hundred thousand decisions
would cost half a minute, and a crawl beside us would wait.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    true,
)

from storage.database.bulk import fill
from storage.database.current_rows import HOLD_DECISION
from storage.database.engine import insert_or_update
from storage.database.tables import DecisionRow, ScoreRow, UtcTime
from storage.errors import RefusedRequest
from storage.evidence import Rescored
from storage.looks.look_rows import LookRows
from storage.records import DecidedBy, Decision, ModelCard

_PASSING = Table(
    "rescored",
    MetaData(),
    Column("version_id", Integer, primary_key=True),
    Column("usable_score", Float),
    *(Column(name, Text, nullable=False) for name in ("value", "decided_by", "reason", "policy", "model_hash")),
    Column("score", Float),
    Column("threshold", Float),
    Column("model", Text),
    Column("basis_id", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
_DECIDED = ("value", "decided_by", "reason", "score", "threshold", "model", "model_hash", "policy")


def file_rescores(connection: Connection, looks: LookRows, card: ModelCard, batch: Rescored, now: datetime) -> int:
    """Record scores and decisions of known file versions; the decisions are current from now on.

    Returns:
        How many decisions are new; the others were made before and are current again.
    Raises:
        RefusedRequest: the columns are not equally long, or a decision is another target's.
    """
    rows = _rows(card, batch, lambda decision: looks.basis_id(connection, decision))
    if not rows:
        return 0
    model_id = looks.model_id(connection, card, now)
    _PASSING.create(connection, checkfirst=True)
    connection.execute(delete(_PASSING))
    fill(connection, _PASSING, rows)  # tuples cost half of what dictionaries do
    usable = select(_PASSING.c.version_id, literal(model_id), _PASSING.c.usable_score, null())
    connection.execute(
        insert_or_update(ScoreRow, ("version_id", "model_id"), ("value", "run_id")).from_select(
            ["version_id", "model_id", "value", "run_id"], usable.where(_PASSING.c.usable_score.is_not(None))
        )
    )
    before = _last_seq(connection)
    decided = select(
        _PASSING.c.version_id,
        literal(card.target),
        *(_PASSING.c[name] for name in _DECIDED),
        null(),
        literal(now, UtcTime()),
    )
    connection.execute(
        insert(DecisionRow).from_select(
            ["version_id", "target", *_DECIDED, "run_id", "decided_at"],
            decided.where(~_decided_before(card.target)).order_by(_PASSING.c.version_id),
        )
    )
    new = connection.execute(select(func.count()).where(DecisionRow.seq > before)).scalar_one()
    connection.execute(_make_current(card.target))
    connection.execute(delete(_PASSING))
    return int(new)


def _decided_before(target: str) -> ColumnElement[bool]:
    return (
        select(DecisionRow.seq)
        .where(
            DecisionRow.version_id == _PASSING.c.version_id,
            DecisionRow.target == target,
            DecisionRow.model_hash == _PASSING.c.model_hash,
            DecisionRow.policy == _PASSING.c.policy,
        )
        .correlate(_PASSING)
        .exists()
    )


def _make_current(target: str) -> Any:
    current = (
        select(
            _PASSING.c.version_id,
            literal(target),
            DecisionRow.seq,
            DecisionRow.value,
            DecisionRow.score,
            _PASSING.c.basis_id,
        )
        .join(
            DecisionRow,
            and_(
                DecisionRow.version_id == _PASSING.c.version_id,
                DecisionRow.target == target,
                DecisionRow.model_hash == _PASSING.c.model_hash,
                DecisionRow.policy == _PASSING.c.policy,
            ),
        )
        .where(true())  # without it SQLite takes ON CONFLICT for part of the join
    )
    return HOLD_DECISION.from_select(
        ["version_id", "target", "decision_seq", "holds", "machine_score", "basis_id"], current
    )


def _last_seq(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(DecisionRow.seq), 0))).scalar_one())


def _rows(card: ModelCard, batch: Rescored, basis_id: Callable[[Decision], int]) -> list[tuple[Any, ...]]:
    """Values of the passing table's columns."""
    versions, scores = batch.version_ids.tolist(), batch.scores.tolist()
    if not len(versions) == len(scores) == len(batch.decisions):
        raise RefusedRequest(f"{len(versions)} versions, {len(scores)} scores, {len(batch.decisions)} decisions")
    if any(decision.target != card.target for decision in batch.decisions):
        raise RefusedRequest(f"{card.name}: a decision is not about {card.target}")
    bases: dict[tuple[str | None, DecidedBy, float | None], int] = {}
    for decision in batch.decisions:
        kind = (decision.model_hash, decision.decided_by, decision.threshold)
        if kind not in bases:
            bases[kind] = basis_id(decision)
    return [
        (
            version,
            score if 0.0 <= score <= 1.0 else None,  # NaN fails this too
            str(decision.value),
            str(decision.decided_by),
            decision.reason,
            decision.policy,
            decision.model_hash or "",
            decision.score,
            decision.threshold,
            decision.model,
            bases[decision.model_hash, decision.decided_by, decision.threshold],
        )
        for version, score, decision in zip(versions, scores, batch.decisions, strict=True)
    ]
