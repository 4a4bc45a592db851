"""`python -m tests.faults.stub_crawl <arguments of crawl>`: the real command line with the stub judge and short waits.

What the environment may say:
    STUB_JUDGE   a name of `stub_judge.MISBEHAVIOURS`
    STUB_DELAY   seconds for each look
    STUB_PACE    `real` for the program's own waits instead of short ones
    STUB_DIE     KIND:N, to SIGKILL itself as it begins its Nth operation of a kind: `sync`, or one of `OPERATIONS`
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from tests.faults.stub_parts import stub_parts

# Python announces these before it does them: the audit event, and whether this announcement counts.
OPERATIONS: dict[str, tuple[str, Callable[[tuple[object, ...]], bool]]] = {
    "create": ("open", lambda given: isinstance(given[2], int) and bool(given[2] & os.O_CREAT)),
    "rename": ("os.rename", lambda _: True),
    "link": ("os.link", lambda _: True),
    "unlink": ("os.remove", lambda _: True),
    "mkdir": ("os.mkdir", lambda _: True),
}


def die_at(kind: str, number: int) -> None:
    """Arrange to be killed at the Nth operation of a kind, counted over all threads."""
    lock = threading.Lock()
    seen = 0

    def count() -> None:
        nonlocal seen
        with lock:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    if kind == "sync":  # Python does not announce it; SQLite's own are strace's business
        os.fsync = _counted(os.fsync, count)  # type: ignore[assignment]  # typed for files too; only numbers are used
        return
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


def main() -> None:
    """Run the command line with other parts."""
    if aim := os.environ.get("STUB_DIE"):
        kind, _, number = aim.partition(":")
        die_at(kind, int(number))
    from commands.app import app

    parts = stub_parts(
        os.environ.get("STUB_JUDGE", "honest"),
        delay_s=float(os.environ.get("STUB_DELAY", "0")),
        hurry=os.environ.get("STUB_PACE") != "real",
    )
    app(prog_name="crawl", obj=parts)


if __name__ == "__main__":
    main()
