"""The loop inside a worker process; nothing is loaded for it that only the other end needs.

A worker ignores SIGINT (the terminal sends it to everybody; the main process decides when to stop) and ends when its
standard input does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import BinaryIO

from classifier.errors import ModelError
from classifier.workers.frames import WorkerFrame, read_frame, write_frame

_BUFFER = 4 * 1024 * 1024  # bytes of a pipe that are read or written at once


def serve(answer: Callable[[WorkerFrame], WorkerFrame]) -> None:
    """The loop inside a worker: answer every frame on standard input, until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = _private_streams()
    while (question := read_frame(questions)) is not None:
        write_frame(answers, answer(question))


def answered(answer: Callable[[], WorkerFrame], otherwise: type[ModelError]) -> WorkerFrame:
    """The answer to one frame, inside the process; a failure answers with `error` and `message`.

    Args:
        answer: gives it.
        otherwise: what a failure is called that is none of our errors.
    """
    try:
        return answer()
    except ModelError as error:
        return WorkerFrame({"error": type(error).__name__, "message": str(error)})
    except Exception as error:  # noqa: BLE001 - a process that ends without an answer says nothing of the cause
        return WorkerFrame({"error": otherwise.__name__, "message": f"{type(error).__name__}: {error}"[:500]})


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for our frames alone; whatever a library prints goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=_BUFFER)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=_BUFFER), answers
