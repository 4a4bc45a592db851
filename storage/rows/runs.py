"""Runs of commands: each is recorded when it begins, and again when it ends or is found killed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, update

from storage.archive_records import RunEnd, RunStart
from storage.database.engine import new_id
from storage.database.tables import RunRow


def begin_run(connection: Connection, start: RunStart, now: datetime) -> int:
    """Record that a run begins; gives its id."""
    values = {
        "command": start.command,
        "site": start.site,
        "query": start.query.encode("utf-8", "backslashreplace").decode(),  # a folder's name need not be text
        "targets": list(start.targets),
        "settings": dict(start.settings),
        "models": list(start.models),
        "started_at": now,
        "state": "running",
    }
    return new_id(connection, insert(RunRow), values)


def end_run(connection: Connection, run_id: int, end: RunEnd, now: datetime) -> None:
    """Record how a run ended."""
    values = {"ended_at": now, "state": "ended", "exit_code": end.exit_code, "counts": dict(end.counts)}
    values |= {"models": list(end.models)} if end.models else {}
    connection.execute(update(RunRow).where(RunRow.id == run_id).values(values))


def end_killed_runs(connection: Connection, now: datetime) -> int:
    """Runs that still say they run, while nobody holds the gallery, were killed; says how many."""
    ended = update(RunRow).where(RunRow.state == "running").values(state="killed", ended_at=now)
    return connection.execute(ended).rowcount
