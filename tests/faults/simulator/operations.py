"""Counts what a program does to the disk, from inside, and signals it as it begins its Nth operation of a kind.

SIGKILL is a death at exactly that point; SIGSTOP holds every thread there, so that something can happen meanwhile. How
many operations of each kind there are in a run that nobody disturbs, `count_to` tells.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# Python announces these before it does them: the audit event, and whether this announcement counts.
OPERATIONS: dict[str, tuple[str, Callable[[tuple[object, ...]], bool]]] = {
    "create": ("open", lambda given: isinstance(given[2], int) and bool(given[2] & os.O_CREAT)),
    "rename": ("os.rename", lambda _: True),
    "link": ("os.link", lambda _: True),
    "unlink": ("os.remove", lambda _: True),
    "mkdir": ("os.mkdir", lambda _: True),
}


def signal_at(kind: str, number: int, sent: signal.Signals) -> None:
    """Arrange to be signalled at the Nth operation of a kind, counted over all threads.

    Args:
        kind: one of `OPERATIONS`; `sync`: an fsync of Python's own; `commit`: a transaction's, which counts twice,
            before it and when it is done.
        number: from 1.
        sent: SIGKILL or SIGSTOP.
    """
    lock = threading.Lock()
    seen = 0

    def count() -> None:
        nonlocal seen
        with lock:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), sent)

    _watch(kind, count)


def count_to(file: Path) -> None:
    """Write how many operations of each kind there were, as JSON, when this process ends by itself."""
    seen: Counter[str] = Counter()
    for kind in (*OPERATIONS, "sync", "commit"):
        _watch(kind, partial(seen.update, (kind,)))
    atexit.register(lambda: file.write_text(json.dumps(seen), encoding="utf-8"))


def _watch(kind: str, count: Callable[[], None]) -> None:
    if kind == "sync":  # Python does not announce it; SQLite's own are strace's business
        os.fsync = _counted(os.fsync, count)  # type: ignore[assignment]  # typed for files too; only numbers are used
    elif kind == "commit":
        _watch_commits(count)
    else:
        event, counts = OPERATIONS[kind]

        def watch(name: str, given: tuple[object, ...]) -> None:
            if name == event and counts(given):
                count()

        sys.addaudithook(watch)


def _counted(sync: Callable[[int], None], count: Callable[[], None]) -> Callable[[int], None]:
    def counted(descriptor: int) -> None:
        count()
        sync(descriptor)

    return counted


def _watch_commits(count: Callable[[], None]) -> None:
    from sqlalchemy.engine.default import DefaultDialect

    commit: Any = DefaultDialect.do_commit

    def counted(dialect: DefaultDialect, connection: Any) -> None:
        count()
        commit(dialect, connection)
        count()

    DefaultDialect.do_commit = counted  # type: ignore[method-assign]  # the one place that all commits pass
