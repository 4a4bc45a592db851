"""Tries to fetch something, each recorded before it begins: recovery goes by those that are open."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from storage.archive_records import Attempt, Failure
from storage.database.access import Access
from storage.database.bulk import insert_rows
from storage.database.chunks import chunked
from storage.database.engine import new_numbers
from storage.database.tables import AttemptRow, VersionRow
from storage.errors import RefusedFile, ReserveReached
from storage.files.paths import staging_path
from storage.looks.together import Together, each_alone
from storage.records import Post
from storage.rows.posts import PostRows
from storage.uninterrupted import uninterrupted

STOPPED = "stopped"  # the reason of an attempt that the user's own stop request ended

_NEW_ATTEMPT = ("id", "version_id", "kind", "url", "number", "opened_at")
_TRIES = (
    select(AttemptRow.version_id, AttemptRow.kind, func.count())
    .where(AttemptRow.version_id.in_(bindparam("some", expanding=True)))
    .group_by(AttemptRow.version_id, AttemptRow.kind)
)
_SET_STATE = (
    update(VersionRow)
    .where(VersionRow.id == bindparam("version"))
    .values(state=bindparam("now_state"), trouble=bindparam("now_trouble"))
)
_END_ATTEMPTS = (
    update(AttemptRow)
    .where(AttemptRow.id.in_(bindparam("attempts", expanding=True)), AttemptRow.outcome.is_(None))
    .values(closed_at=bindparam("now"), outcome=bindparam("how"), reason=bindparam("why"))
)
_CLEAR_TROUBLE = (
    update(VersionRow)
    .where(VersionRow.id.in_(bindparam("versions", expanding=True)), VersionRow.state != "known")
    .values(state="known", trouble=None)
)


@dataclass(frozen=True, slots=True)
class Intent:
    """That something is about to be fetched."""

    post: Post
    kind: str  # rendition | original | adopt
    url: str
    now: datetime


class Attempts:
    """The archive's tries to fetch something, each recorded before it begins: recovery goes by those that are open."""

    def __init__(self, access: Access, posts: PostRows) -> None:
        self._access = access
        self._posts = posts
        self._beginning = Together(self._begin_all)
        self._unsettled: set[int] = set()  # whose files are in place and whose rows could not be written

    async def begin(self, post: Post, kind: str, url: str) -> Attempt:
        """Record that something is about to be fetched, before it is.

        Args:
            kind: rendition | original | adopt.
        """
        recording = asyncio.ensure_future(self._beginning.do(Intent(post, kind, url, self._access.now())))
        try:
            attempt_id, number = await asyncio.shield(recording)
        except asyncio.CancelledError:
            recording.add_done_callback(self._take_back)
            raise
        return Attempt(attempt_id, number, self._access.root / staging_path(attempt_id), kind)

    async def _begin_all(self, intents: Sequence[Intent]) -> Sequence[tuple[int, int] | BaseException]:
        def record(some: Sequence[Intent]) -> Callable[[Connection], Sequence[tuple[int, int]]]:
            return lambda c: begin_attempts(
                c, self._posts.versions_of(c, [one.post for one in some], None, some[0].now), some
            )

        return await each_alone(intents, lambda some: self._access.write(record(some)))

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


def begin_attempts(
    connection: Connection, versions: Sequence[int], intents: Sequence[Intent]
) -> Sequence[tuple[int, int]]:
    """Record what is about to be fetched, for a version each; gives the attempts' ids and their numbers, from 1."""
    tries: Counter[tuple[int, str]] = Counter()
    for chunk in chunked(sorted(set(versions))):
        tries.update({(version, kind): count for version, kind, count in connection.execute(_TRIES, {"some": chunk})})
    rows: list[tuple[Any, ...]] = []
    for id_, version, intent in zip(new_numbers(connection, AttemptRow, len(intents)), versions, intents, strict=True):
        tries[version, intent.kind] += 1
        rows.append((id_, version, intent.kind, intent.url, tries[version, intent.kind], intent.now))
    insert_rows(connection, AttemptRow, _NEW_ATTEMPT, rows)
    return [(id_, number) for id_, _version, _kind, _url, number, _now in rows]


def end_attempts(connection: Connection, ended: Sequence[tuple[int, str | None]], now: datetime) -> None:
    """Close attempts that brought something, with the fault that was found in it, unless they are closed already."""
    by_fault: defaultdict[str | None, list[int]] = defaultdict(list)
    for attempt, fault in ended:
        by_fault[fault].append(attempt)
    for fault, attempts in by_fault.items():
        for chunk in chunked(attempts):
            connection.execute(_END_ATTEMPTS, {"attempts": chunk, "how": "done", "why": fault, "now": now})


def end_attempt(connection: Connection, attempt_id: int, outcome: str, reason: str | None, now: datetime) -> None:
    """Close an attempt, unless it is closed already."""
    connection.execute(_END_ATTEMPTS, {"attempts": [attempt_id], "how": outcome, "why": reason, "now": now})


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


def clear_trouble(connection: Connection, version_ids: Sequence[int]) -> None:
    """Something of these versions arrived whole."""
    for chunk in chunked(version_ids):
        connection.execute(_CLEAR_TROUBLE, {"versions": chunk})
