"""What was seen and decided, to rows: renditions, scores, embeddings, decisions, and which of them are current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, bindparam, select

from storage.archive_records import Sighting
from storage.database.bulk import insert_rows, put_rows
from storage.database.chunks import chunked
from storage.database.current_rows import HOLD_DECISION, HOLD_KEY, basis_of
from storage.database.engine import insert_new, insert_or_update, new_numbers
from storage.database.tables import (
    BackboneRow,
    DecisionRow,
    EmbeddingRow,
    ModelRow,
    RenditionRow,
    ScoreRow,
)
from storage.looks.attempts import clear_trouble, end_attempts
from storage.records import Decision, ModelCard, StoredRendition, TaggerTags
from storage.rows.labels import inherit_labels
from storage.rows.models import model_row
from storage.rows.picture_hashes import file_picture_hashes
from storage.rows.tagger_tags import TaggerTagRows

Values: TypeAlias = Mapping[str, Any]
_RENDITION_KEY, _SCORE_KEY, _EMBEDDING_KEY = ("md5", "name"), ("version_id", "model_id"), ("version_id", "backbone_id")
_RENDITION = insert_or_update(
    RenditionRow, _RENDITION_KEY, ("path", "ext", "width", "height", "size", "sha256", "stored_at")
)
_NEW_MODEL = insert_new(ModelRow)
_NEW_BACKBONE = insert_new(BackboneRow)
_SCORE = insert_or_update(ScoreRow, _SCORE_KEY, ("value", "run_id"))
_EMBEDDING = insert_or_update(EmbeddingRow, _EMBEDDING_KEY, ("vector", "windows", "too_small"))
_NEW_DECISION = (
    "seq",
    "version_id",
    "target",
    "value",
    "decided_by",
    "reason",
    "score",
    "threshold",
    "model",
    "model_hash",
    "policy",
    "run_id",
    "decided_at",
)
_DECIDED = select(
    DecisionRow.version_id,
    DecisionRow.target,
    DecisionRow.model_hash,
    DecisionRow.policy,
    DecisionRow.seq,
    DecisionRow.value,
    DecisionRow.score,
).where(
    DecisionRow.version_id.in_(bindparam("some", expanding=True)),
    DecisionRow.policy.in_(bindparam("rules", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A look that is to be recorded, with everything that is to be in its rows."""

    version_id: int
    sighting: Sighting
    stored: StoredRendition | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision about a file version, and when it was made."""

    version_id: int
    decision: Decision
    run_id: int | None
    now: datetime


class LookRows:
    """Files looks; remembers the ids of models and backbones until a rollback makes it forget."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str], int] = {}
        self._backbones: dict[str, int] = {}
        self._bases: dict[tuple[str, str, float | None], int] = {}
        self._tagger_tags = TaggerTagRows()

    def forget(self) -> None:
        """Ids met in a transaction that was rolled back may not exist."""
        self._models.clear()
        self._backbones.clear()
        self._bases.clear()
        self._tagger_tags.forget()

    def file(self, connection: Connection, looks: Sequence[Seen]) -> None:
        """Looks' rows, those of one table together: renditions, scores, embeddings, decisions, and the attempts' ends.

        Of looks at the same version the last one counts, as if they were filed one after another.
        """
        now = looks[-1].now
        renditions = [
            _rendition_row(look.sighting.post.file.md5, look.stored, look.now)
            for look in looks
            if look.stored is not None and look.sighting.post.file is not None
        ]
        put_rows(connection, _RENDITION, _RENDITION_KEY, renditions)
        hashes = ((look.version_id, look.sighting.look.picture_hash) for look in looks)
        file_picture_hashes(connection, {version: hash_ for version, hash_ in hashes if hash_ is not None})
        scores = [row for look in looks for row in self._scores(connection, look)]
        put_rows(connection, _SCORE, _SCORE_KEY, scores)
        vectors = [row for look in looks for row in self._embeddings(connection, look)]
        put_rows(connection, _EMBEDDING, _EMBEDDING_KEY, vectors)
        for look in looks:
            if look.sighting.look.tagger_tags is not None:
                self._file_tagger_tags(connection, look.version_id, look.sighting.look.tagger_tags, look.now)
        made = [
            Decided(look.version_id, one, look.sighting.run_id, look.now)
            for look in looks
            for one in look.sighting.decisions
        ]
        self.file_decisions(connection, made)
        inherit_labels(
            connection,
            [(look.version_id, look.sighting.post, [one.target for one in look.sighting.decisions]) for look in looks],
            now,
        )
        tried = [look for look in looks if look.sighting.attempt is not None]
        ends = ((look.sighting.attempt, look.sighting.look.fault) for look in tried)
        end_attempts(connection, [(attempt.id, fault) for attempt, fault in ends if attempt is not None], now)
        clear_trouble(connection, [look.version_id for look in tried])

    def model_id(self, connection: Connection, card: ModelCard, now: datetime) -> int:
        """The row id of a model; one that is not registered gets a row that says so."""
        key = (card.target, card.hash)
        if key not in self._models:
            connection.execute(_NEW_MODEL, model_row(card, now))
            found = select(ModelRow.id).where(ModelRow.target == card.target, ModelRow.hash == card.hash)
            self._models[key] = connection.execute(found).scalar_one()
        return self._models[key]

    def basis_id(self, connection: Connection, decision: Decision) -> int:
        """The row id of what a decision rests on beside the picture."""
        key = (decision.model_hash or "", decision.decided_by.value, decision.threshold)
        if key not in self._bases:
            self._bases[key] = basis_of(connection, *key)
        return self._bases[key]

    def _scores(self, connection: Connection, seen: Seen) -> Iterator[Values]:
        sighting = seen.sighting
        for target, score in sighting.look.scores.items():
            card = sighting.models.get(target)
            if card is None or not 0.0 <= score <= 1.0:  # NaN fails this too
                continue
            model_id = self.model_id(connection, card, seen.now)
            yield {"version_id": seen.version_id, "model_id": model_id, "value": score, "run_id": sighting.run_id}

    def _embeddings(self, connection: Connection, seen: Seen) -> Iterator[Values]:
        look = seen.sighting.look
        for backbone_hash, vector in look.embeddings.items():
            yield {
                "version_id": seen.version_id,
                "backbone_id": self._backbone_id(connection, backbone_hash),
                "vector": vector,
                "windows": look.windows.get(backbone_hash),
                "too_small": look.too_small,
            }

    def file_decisions(self, connection: Connection, made: Sequence[Decided]) -> None:
        """Append decisions, or find the same ones; either way they are the current ones from now on."""
        known: dict[tuple[int, str, str, str], tuple[int, str, float | None]] = {}
        rules = sorted({one.decision.policy for one in made})
        for chunk in chunked(sorted({one.version_id for one in made})):
            for row in connection.execute(_DECIDED, {"some": chunk, "rules": rules}):
                known[row.version_id, row.target, row.model_hash, row.policy] = (row.seq, row.value, row.score)
        keys = [
            (made_of.version_id, one.target, one.model_hash or "", one.policy)
            for made_of, one in ((one, one.decision) for one in made)
        ]
        new = dict.fromkeys(key for key in keys if key not in known)
        numbers = dict(zip(new, new_numbers(connection, DecisionRow, len(new)), strict=True))
        rows: list[tuple[Any, ...]] = []
        current: list[Values] = []
        for key, decided in zip(keys, made, strict=True):
            one = decided.decision
            if key not in known:
                known[key] = (numbers[key], one.value.value, one.score)
                facts = (one.value.value, one.decided_by.value, one.reason, one.score, one.threshold, one.model)
                its = (decided.run_id, decided.now)
                rows.append((numbers[key], decided.version_id, one.target, *facts, *key[2:], *its))
            seq, value, score = known[key]
            basis = self.basis_id(connection, one)
            held: Values = {"version_id": decided.version_id, "target": one.target, "decision_seq": seq, "holds": value}
            current.append({**held, "machine_score": score, "basis_id": basis})
        insert_rows(connection, DecisionRow, _NEW_DECISION, rows)
        put_rows(connection, HOLD_DECISION, HOLD_KEY, current)

    def _file_tagger_tags(self, connection: Connection, version_id: int, tags: TaggerTags, now: datetime) -> None:
        tagger_id = self._tagger_tags.file(connection, version_id, tags, now)
        if tags.vector is not None:
            backbone = self._backbone_id(connection, tags.vector.network, tagger_id)
            values = {"version_id": version_id, "backbone_id": backbone, "vector": tags.vector.values}
            connection.execute(_EMBEDDING, values | {"windows": None, "too_small": False})

    def _backbone_id(self, connection: Connection, backbone_hash: str, tagger_id: int | None = None) -> int:
        """The row id of a network, a model's own or a tagger."""
        if backbone_hash not in self._backbones:
            connection.execute(_NEW_BACKBONE, {"hash": backbone_hash, "tagger_id": tagger_id})
            found = select(BackboneRow.id).where(BackboneRow.hash == backbone_hash)
            self._backbones[backbone_hash] = connection.execute(found).scalar_one()
        return self._backbones[backbone_hash]


def file_rendition(connection: Connection, md5: str, stored: StoredRendition, now: datetime) -> None:
    """Record a rendition that is in place, of the original with this md5."""
    connection.execute(_RENDITION, _rendition_row(md5, stored, now))


def _rendition_row(md5: str, stored: StoredRendition, now: datetime) -> Mapping[str, Any]:
    return {
        "md5": md5,
        "name": stored.name,
        "path": stored.path,
        "ext": stored.ext,
        "width": stored.width,
        "height": stored.height,
        "size": stored.size,
        "sha256": stored.sha256,
        "stored_at": now,
    }
