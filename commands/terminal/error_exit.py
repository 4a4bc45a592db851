"""How a command ends when something went wrong: one plain line and the documented exit code, never a stack trace."""

from __future__ import annotations

import atexit
import functools
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer

from commands.terminal.console import complain, messages, printable
from commands.terminal.exit_codes import ExitCode
from commands.terminal.streams import MESSAGES, OUTPUT
from storage.run_error import DocumentedError
from system.process_end import ends_at_once

P = ParamSpec("P")
R = TypeVar("R")

DEBUG_VARIABLE = "CRAWL_DEBUG"


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: the program ends as by Ctrl-C, with the exit code of its own."""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP end it as Ctrl-C does, in order; what is ignored stays ignored.

    Work that finishes what is in flight first takes the signals itself, see `commands.terminal.signals`.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, _terminate)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated


def exits_plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Translate what escapes a command into a line and an exit code.

    What the rooms raise on purpose is a `DocumentedError`; whatever is none is a bug, and says so.
    """

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except Terminated:
            _leave("stopped", ExitCode.TERMINATED)
        except KeyboardInterrupt:
            _leave("stopped", ExitCode.INTERRUPTED)
        except Exception as error:  # noqa: BLE001 - the outermost level: everything becomes a line and a code here
            raise typer.Exit(int(explain(error))) from None

    return wrapper


def exit_code_of(error: BaseException) -> ExitCode:
    """The documented exit code of an error."""
    return ExitCode(error.exit_code) if isinstance(error, DocumentedError) else ExitCode.BUG


def describe(error: BaseException) -> str:
    """The error in one line that says what to do next."""
    text = str(error) or type(error).__name__
    if exit_code_of(error) is not ExitCode.BUG:
        return text
    where = traceback.extract_tb(error.__traceback__)[-1:] if error.__traceback__ else []
    place = f" at {Path(where[0].filename).name}:{where[0].lineno}" if where else ""
    return f"unexpected error, a bug: {type(error).__name__}: {text}{place}; set {DEBUG_VARIABLE}=1 for the details"


def explain(error: Exception) -> ExitCode:
    """Say it in one line, with all details where the user asked for them; gives the exit code."""
    if os.environ.get(DEBUG_VARIABLE):
        messages().print_exception()
    complain(f"crawl: {describe(error)}")
    return exit_code_of(error)


def _leave(text: str, code: ExitCode) -> NoReturn:
    complain(f"crawl: {text}")
    raise typer.Exit(int(code))


__all__ = ["Terminated", "describe", "exit_code_of", "exits_plainly", "explain", "printable", "stopped_by_signals"]


def settle(code: int) -> None:
    """The command is over and the interpreter is leaving: a request to stop changes nothing any more.

    Otherwise a second Ctrl-C that comes a moment too late would end the process by the signal. While the interpreter
    waits for threads a request still ends it, with the command's own code. Where a library would crash or wait while
    it is taken down (`system.process_end`), the process ends here.
    """
    OUTPUT.flush()
    MESSAGES.flush()
    if ends_at_once():
        os._exit(code)
    _let_signals(lambda *_: os._exit(code))
    atexit.register(_let_signals, signal.SIG_IGN)  # the interpreter itself would let them kill it, in its last moments


def _let_signals(do: Callable[..., object] | signal.Handlers) -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, do)
