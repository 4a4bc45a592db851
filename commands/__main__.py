"""The program's start: `crawl`, and `python -m commands`.

Loading the command line takes a tenth of a second, in which nothing is done yet; a stop in that time ends the program
with one line, as at any other time.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

STOPPED = {signal.SIGINT: 130, signal.SIGTERM: 143}


def main() -> None:
    """Load the command line and run it."""
    before = {}
    for number in STOPPED:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            before[number] = signal.signal(number, _leave)
    gc.disable()  # what is loaded stays; looking through it for garbage takes a tenth of the start
    from commands.app import main as run

    gc.freeze()
    gc.enable()

    for number, handler in before.items():
        signal.signal(number, handler)
    try:
        run()
    except SystemExit as end:  # the command is over; a stop while the interpreter tidies up changes nothing any more
        code = end.code if isinstance(end.code, int) else 0
        for number in before:
            signal.signal(number, lambda *_: os._exit(code))
        raise


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """End before anything has begun, as a command ends that is stopped."""
    code = STOPPED[signal.Signals(number)]
    os.write(2, b"crawl: stopped\n")
    if "--json" in sys.argv:
        os.write(1, b'{"error": "stopped", "open": [], "exit": %d}\n' % code)
    os._exit(code)


if __name__ == "__main__":
    main()
