"""What was seen and decided: attempts, renditions, scores, embeddings, decisions, and which of them are current."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from storage.archive_records import Attempt, Failure, Sighting
from storage.database.access import Access
from storage.database.current_rows import HOLD_DECISION, basis_of
from storage.database.engine import insert_new, insert_or_update, new_id
from storage.database.tables import (
    AttemptRow,
    BackboneRow,
    DecisionRow,
    EmbeddingRow,
    ModelRow,
    RenditionRow,
    ScoreRow,
    VersionRow,
)
from storage.errors import RefusedFile, ReserveReached
from storage.files.paths import staging_path
from storage.records import Decision, ModelCard, Post, StoredRendition, TaggerTags
from storage.rows.labels import inherit_labels
from storage.rows.posts import PostRows
from storage.rows.tagger_tags import TaggerTagRows
from storage.uninterrupted import uninterrupted

STOPPED = "stopped"  # the reason of an attempt that the user's own stop request ended

_COUNT_ATTEMPTS = select(func.count(AttemptRow.id)).where(
    AttemptRow.version_id == bindparam("version"), AttemptRow.kind == bindparam("kind")
)
_NEW_ATTEMPT = insert(AttemptRow)
_END_ATTEMPT = (
    update(AttemptRow)
    .where(AttemptRow.id == bindparam("attempt"), AttemptRow.outcome.is_(None))
    .values(closed_at=bindparam("now"), outcome=bindparam("how"), reason=bindparam("why"))
)
_SET_STATE = (
    update(VersionRow)
    .where(VersionRow.id == bindparam("version"))
    .values(state=bindparam("now_state"), trouble=bindparam("now_trouble"))
)
_CLEAR_TROUBLE = (
    update(VersionRow)
    .where(VersionRow.id == bindparam("version"), VersionRow.state != "known")
    .values(state="known", trouble=None)
)
_RENDITION = insert_or_update(
    RenditionRow, ("md5", "name"), ("path", "ext", "width", "height", "size", "sha256", "stored_at")
)
_HASH = (
    update(VersionRow)
    .where(VersionRow.id == bindparam("version"), VersionRow.picture_hash.is_distinct_from(bindparam("now_hash")))
    .values(picture_hash=bindparam("now_hash"))
)
_NEW_MODEL = insert_new(ModelRow)
_NEW_BACKBONE = insert_new(BackboneRow)
_SCORE = insert_or_update(ScoreRow, ("version_id", "model_id"), ("value", "run_id"))
_EMBEDDING = insert_or_update(EmbeddingRow, ("version_id", "backbone_id"), ("vector", "windows", "too_small"))
_NEW_DECISION = insert(DecisionRow)
_DECIDED = select(DecisionRow.seq, DecisionRow.value, DecisionRow.score).where(
    DecisionRow.version_id == bindparam("version"),
    DecisionRow.target == bindparam("for_target"),
    DecisionRow.model_hash == bindparam("hash"),
    DecisionRow.policy == bindparam("rule"),
)


class Attempts:
    """The archive's tries to fetch something, each recorded before it begins: recovery goes by those that are open."""

    def __init__(self, access: Access, posts: PostRows) -> None:
        self._access = access
        self._posts = posts
        self._unsettled: set[int] = set()  # whose files are in place and whose rows could not be written

    async def begin(self, post: Post, kind: str, url: str) -> Attempt:
        """Record that something is about to be fetched, before it is.

        Args:
            kind: rendition | original | adopt.
        """
        now = self._access.now()

        def record(connection: Connection) -> tuple[int, int]:
            version = self._posts.version_of(connection, post, None, now)
            return begin_attempt(connection, version, kind, url, now)

        recording = asyncio.ensure_future(self._access.write(record))
        try:
            attempt_id, number = await asyncio.shield(recording)
        except asyncio.CancelledError:
            recording.add_done_callback(self._take_back)
            raise
        return Attempt(attempt_id, number, self._access.root / staging_path(attempt_id), kind)

    def _take_back(self, recording: asyncio.Future[tuple[int, int]]) -> None:
        """Close an attempt whose caller was cancelled while it was recorded: open, it would count as a crash."""
        if recording.cancelled() or recording.exception() is not None:
            return
        attempt_id, now = recording.result()[0], self._access.now()
        self._access.write_later(lambda c: end_attempt(c, attempt_id, "stopped", STOPPED, now))

    @contextmanager
    def settling(self, attempt: Attempt | None) -> Iterator[None]:
        """Where naming files or recording them fails half-way, leave the attempt open.

        An open attempt is what recovery goes by: it adopts the files, or takes them away. Closed as failed, it would
        leave them without a row.
        """
        try:
            yield
        except (RefusedFile, ReserveReached):
            raise  # nothing was named
        except Exception:
            if attempt is not None:
                self._unsettled.add(attempt.id)
            raise

    @uninterrupted
    async def fail(self, attempt: Attempt, failure: Failure) -> None:
        """An attempt came to nothing; its partial file is removed. One whose files were placed stays open."""
        if attempt.id in self._unsettled:
            return  # the next start sees to it
        now = self._access.now()
        await self._access.on_disk_to_the_last(lambda: self._access.tree.remove(staging_path(attempt.id)))
        await self._access.write(lambda c: fail_attempt(c, attempt.id, failure, now))


def begin_attempt(connection: Connection, version_id: int, kind: str, url: str, now: datetime) -> tuple[int, int]:
    """Record that something is about to be fetched; gives the attempt's id and its number, from 1."""
    number = 1 + connection.execute(_COUNT_ATTEMPTS, {"version": version_id, "kind": kind}).scalar_one()
    values = {"version_id": version_id, "kind": kind, "url": url, "number": number, "opened_at": now}
    return new_id(connection, _NEW_ATTEMPT, values), int(number)


def end_attempt(connection: Connection, attempt_id: int, outcome: str, reason: str | None, now: datetime) -> None:
    """Close an attempt, unless it is closed already."""
    connection.execute(_END_ATTEMPT, {"attempt": attempt_id, "how": outcome, "why": reason, "now": now})


def fail_attempt(connection: Connection, attempt_id: int, failure: Failure, now: datetime) -> None:
    """An attempt came to nothing: the version waits for another try, or is given up as unavailable."""
    stopped = failure.reason == STOPPED
    end_attempt(connection, attempt_id, STOPPED if stopped else "failed", failure.reason, now)
    if stopped:
        return
    version = connection.execute(select(AttemptRow.version_id).where(AttemptRow.id == attempt_id)).scalar()
    if version is not None:
        state = failure.state if failure.state in ("retry", "unavailable") else "retry"
        connection.execute(_SET_STATE, {"version": version, "now_state": state, "now_trouble": failure.reason})


def reopen(connection: Connection, urls: Sequence[str]) -> int:
    """Versions that were given up after these addresses had been refused are to be asked for again; says how many."""
    versions = (
        select(AttemptRow.version_id)
        .where(AttemptRow.url.in_(urls), AttemptRow.outcome == "failed")
        .join(VersionRow, VersionRow.id == AttemptRow.version_id)
        .where(VersionRow.state == "unavailable")
    )
    found = set(connection.execute(versions).scalars())
    connection.execute(update(VersionRow).where(VersionRow.id.in_(found)).values(state="retry"))
    return len(found)


def clear_trouble(connection: Connection, version_id: int) -> None:
    """Something of this version arrived whole."""
    connection.execute(_CLEAR_TROUBLE, {"version": version_id})


def file_picture_hashes(connection: Connection, hashes: Mapping[int, int]) -> None:
    """Record what the pictures of these versions look like: version id -> hash, 0..2**64-1.

    Raises:
        OverflowError: a hash has more than 64 bits.
    """
    for version_id, hash_ in hashes.items():
        signed = int.from_bytes(hash_.to_bytes(8, "little"), "little", signed=True)  # SQLite's integers have a sign
        connection.execute(_HASH, {"version": version_id, "now_hash": signed})


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

    def file(
        self,
        connection: Connection,
        version_id: int,
        sighting: Sighting,
        stored: StoredRendition | None,
        now: datetime,
    ) -> None:
        """One look's rows: rendition, scores, embeddings, decisions, and the attempt's end."""
        if stored is not None and sighting.post.file is not None:
            file_rendition(connection, sighting.post.file.md5, stored, now)
        if sighting.look.picture_hash is not None:
            file_picture_hashes(connection, {version_id: sighting.look.picture_hash})
        self._file_scores(connection, version_id, sighting, now)
        look = sighting.look
        for backbone_hash, vector in look.embeddings.items():
            backbone = self._backbone_id(connection, backbone_hash)
            values = {"version_id": version_id, "backbone_id": backbone, "vector": vector}
            views = {"windows": look.windows.get(backbone_hash), "too_small": look.too_small}
            connection.execute(_EMBEDDING, values | views)
        if look.tagger_tags is not None:
            self._file_tagger_tags(connection, version_id, look.tagger_tags, now)
        for decision in sighting.decisions:
            basis = self.basis_id(connection, decision)
            file_decision(connection, version_id, decision, basis, Occasion(sighting.run_id, now))
        inherit_labels(connection, version_id, sighting.post, [one.target for one in sighting.decisions], now)
        if sighting.attempt is not None:
            end_attempt(connection, sighting.attempt.id, "done", sighting.look.fault, now)
            clear_trouble(connection, version_id)

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

    def _file_scores(self, connection: Connection, version_id: int, sighting: Sighting, now: datetime) -> None:
        for target, score in sighting.look.scores.items():
            card = sighting.models.get(target)
            if card is None or not 0.0 <= score <= 1.0:  # NaN fails this too
                continue
            model_id = self.model_id(connection, card, now)
            values = {"version_id": version_id, "model_id": model_id, "value": score, "run_id": sighting.run_id}
            connection.execute(_SCORE, values)

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


@dataclass(frozen=True, slots=True)
class Occasion:
    """In which run, and when."""

    run_id: int | None
    now: datetime


def file_decision(
    connection: Connection, version_id: int, decision: Decision, basis_id: int, occasion: Occasion
) -> int:
    """Append a decision, or find the same one; either way it is the current one from now on."""
    hash_ = decision.model_hash or ""
    identity = {"version": version_id, "for_target": decision.target, "hash": hash_, "rule": decision.policy}
    known = connection.execute(_DECIDED, identity).one_or_none()
    if known is None:
        values = {
            "version_id": version_id,
            "target": decision.target,
            "value": decision.value.value,
            "decided_by": decision.decided_by.value,
            "reason": decision.reason,
            "score": decision.score,
            "threshold": decision.threshold,
            "model": decision.model,
            "model_hash": hash_,
            "policy": decision.policy,
            "run_id": occasion.run_id,
            "decided_at": occasion.now,
        }
        held = (new_id(connection, _NEW_DECISION, values), decision.value.value, decision.score)
    else:
        held = (known.seq, known.value, known.score)
    seq, value, score = held
    current = {"version_id": version_id, "target": decision.target, "decision_seq": seq, "holds": value}
    connection.execute(HOLD_DECISION, current | {"machine_score": score, "basis_id": basis_id})
    return int(seq)


def model_row(card: ModelCard, now: datetime) -> Mapping[str, Any]:
    """A model that has only been seen."""
    return {
        "target": card.target,
        "number": card.number,
        "hash": card.hash,
        "backbone_hash": card.backbone_hash,
        "threshold": card.threshold,
        "facts": {},
        "seen_at": now,
        "active": False,
    }


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
