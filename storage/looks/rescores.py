"""Known pictures under another model: scores and decisions of many at once, by the same identities as single looks.

A row in a passing table each, and one for what many share, then three statements over all of them: asked one by one, a
hundred thousand decisions would cost half a minute, and a crawl beside us would wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    delete,
    insert,
    literal,
    null,
    select,
    true,
)

from storage.database.bulk import fill, large_cache
from storage.database.current_rows import HOLD_DECISION
from storage.database.engine import insert_or_update, new_numbers
from storage.database.tables import DecisionRow, ScoreRow, UtcTime
from storage.errors import RefusedRequest
from storage.evidence import Rescored
from storage.looks.look_rows import LookRows
from storage.records import DecidedBy, Decision, ModelCard

_Kind: TypeAlias = tuple[DecidedBy, str, str | None, float | None, str | None]
_PASSING = Table(
    "rescored",
    MetaData(),
    Column("version_id", Integer, primary_key=True),
    Column("seq", Integer, nullable=False),  # of the decision, if it is a new one
    Column("kind_id", Integer, nullable=False),
    Column("usable_score", Float),
    Column("value", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("score", Float),
    prefixes=["TEMPORARY"],
)
_KIND = Table(
    "rescored_kind",
    MetaData(),
    Column("id", Integer, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("decided_by", "policy", "model_hash")),
    Column("threshold", Float),
    Column("model", Text),
    Column("basis_id", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
_ROWS = _PASSING.join(_KIND, _KIND.c.id == _PASSING.c.kind_id)
_SAME = (
    DecisionRow.version_id == _PASSING.c.version_id,
    DecisionRow.model_hash == _KIND.c.model_hash,
    DecisionRow.policy == _KIND.c.policy,
)
_DECIDED = {
    "seq": _PASSING.c.seq,
    "version_id": _PASSING.c.version_id,
    "value": _PASSING.c.value,
    "decided_by": _KIND.c.decided_by,
    "reason": _PASSING.c.reason,
    "score": _PASSING.c.score,
    "threshold": _KIND.c.threshold,
    "model": _KIND.c.model,
    "model_hash": _KIND.c.model_hash,
    "policy": _KIND.c.policy,
    "run_id": null(),
}


def file_rescores(connection: Connection, looks: LookRows, card: ModelCard, batch: Rescored, now: datetime) -> int:
    """Record scores and decisions of known file versions; the decisions are current from now on.

    Returns:
        How many decisions are new; the others were made before and are current again.
    Raises:
        RefusedRequest: the columns are not equally long, or a decision is another target's.
    """
    _check(card, batch)
    if not batch.decisions:
        return 0
    with large_cache(connection):
        return _file(connection, looks, card, batch, now)


def _file(connection: Connection, looks: LookRows, card: ModelCard, batch: Rescored, now: datetime) -> int:
    model_id = looks.model_id(connection, card, now)
    for table in (_PASSING, _KIND):
        table.create(connection, checkfirst=True)
        connection.execute(delete(table))
    numbers = new_numbers(connection, DecisionRow, len(batch.decisions))
    kinds: dict[_Kind, tuple[int, Decision]] = {}
    fill(connection, _PASSING, _rows(batch, numbers, kinds))  # tuples cost half of what dictionaries do
    fill(connection, _KIND, [_kind_row(id_, one, looks.basis_id(connection, one)) for id_, one in kinds.values()])
    usable = select(_PASSING.c.version_id, literal(model_id), _PASSING.c.usable_score, null())
    connection.execute(
        insert_or_update(ScoreRow, ("version_id", "model_id"), ("value", "run_id")).from_select(
            ["version_id", "model_id", "value", "run_id"], usable.where(_PASSING.c.usable_score.is_not(None))
        )
    )
    new = connection.execute(_append(card.target, now), execution_options={"preserve_rowcount": True}).rowcount
    connection.execute(_make_current(card.target, all_new=new == len(batch.decisions)))
    connection.execute(delete(_PASSING))
    return new


def _append(target: str, now: datetime) -> Any:
    """Those decisions that were not made before."""
    before = select(DecisionRow.seq).where(DecisionRow.target == target, *_SAME).correlate(_PASSING, _KIND).exists()
    decided = select(*_DECIDED.values(), literal(target), literal(now, UtcTime())).select_from(_ROWS)
    return insert(DecisionRow).from_select(
        [*_DECIDED, "target", "decided_at"], decided.where(~before).order_by(_PASSING.c.version_id)
    )


def _make_current(target: str, *, all_new: bool) -> Any:
    """What holds follows from the decisions; those that were made before are looked up, with what they said then."""
    said: Any = _PASSING.c if all_new else DecisionRow
    current = select(
        _PASSING.c.version_id, literal(target), said.seq, said.value, said.score, _KIND.c.basis_id
    ).select_from(_ROWS if all_new else _ROWS.join(DecisionRow, and_(DecisionRow.target == target, *_SAME)))
    return HOLD_DECISION.from_select(
        ["version_id", "target", "decision_seq", "holds", "machine_score", "basis_id"],
        current.where(true()),  # without it SQLite takes ON CONFLICT for part of the join
    )


def _check(card: ModelCard, batch: Rescored) -> None:
    versions, scores = len(batch.version_ids), len(batch.scores)
    if not versions == scores == len(batch.decisions):
        raise RefusedRequest(f"{versions} versions, {scores} scores, {len(batch.decisions)} decisions")
    if any(decision.target != card.target for decision in batch.decisions):
        raise RefusedRequest(f"{card.name}: a decision is not about {card.target}")


def _kind_row(id_: int, one: Decision, basis_id: int) -> tuple[Any, ...]:
    return (id_, one.decided_by.value, one.policy, one.model_hash or "", one.threshold, one.model, basis_id)


def _rows(batch: Rescored, numbers: Sequence[int], kinds: dict[_Kind, tuple[int, Decision]]) -> list[tuple[Any, ...]]:
    """Values of the passing table's columns, in the order of versions; kinds are numbered, each with an example."""
    rows: list[tuple[Any, ...]] = []
    given = zip(batch.version_ids.tolist(), batch.scores.tolist(), batch.decisions, strict=True)
    for seq, (version, score, one) in zip(numbers, sorted(given, key=itemgetter(0)), strict=True):
        kind = (one.decided_by, one.policy, one.model_hash, one.threshold, one.model)
        id_ = (kinds.get(kind) or kinds.setdefault(kind, (len(kinds) + 1, one)))[0]
        usable = score if 0.0 <= score <= 1.0 else None  # NaN fails this too
        rows.append((version, seq, id_, usable, one.value.value, one.reason, one.score))
    return rows
