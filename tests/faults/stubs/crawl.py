"""`python -m tests.faults.stubs.crawl <arguments of crawl>`: the real command line with the stub judge and short waits.

What the environment may say:
    STUB_JUDGE   a name of `stub_judge.MISBEHAVIOURS`
    STUB_DELAY   seconds for each look
    STUB_PACE    `real` for the program's own waits instead of short ones
    STUB_DECODER WAY:MARK, for a decoder process that each picture goes through first (see `odd_decoder`)
    STUB_BATCH   how many pictures are scored again in one transaction, so that few make several
    STUB_DIE     KIND:N, to SIGKILL itself as it begins its Nth operation of a kind (see `operations`)
    STUB_STOP    KIND:N, to SIGSTOP itself there
    STUB_COUNT   a file for how many operations of each kind there were, when it ends by itself
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from system.child_process import module_command
from tests.faults.simulator.operations import count_to, signal_at
from tests.faults.stubs.parts import stub_parts

STRIKES = {"STUB_DIE": signal.SIGKILL, "STUB_STOP": signal.SIGSTOP}


def main() -> None:
    """Run the command line with other parts."""
    for name, sent in STRIKES.items():
        if aim := os.environ.get(name):
            kind, _, number = aim.partition(":")
            signal_at(kind, int(number), sent)
    if file := os.environ.get("STUB_COUNT"):
        count_to(Path(file))
    if batch := os.environ.get("STUB_BATCH"):
        from rounds.rescoring import rescore

        rescore.BATCH = int(batch)
    from commands.app import app

    way, _, mark = os.environ.get("STUB_DECODER", "").partition(":")
    parts = stub_parts(
        os.environ.get("STUB_JUDGE", "honest"),
        delay_s=float(os.environ.get("STUB_DELAY", "0")),
        short_waits=os.environ.get("STUB_PACE") != "real",
        decoder=module_command("tests.faults.stubs.odd_decoder", way, mark) if way else None,
    )
    app(prog_name="crawl", obj=parts)


if __name__ == "__main__":
    main()
