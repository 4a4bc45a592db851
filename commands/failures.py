"""How a command ends when something went wrong: one plain line and the documented exit code, never a stack trace."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, ParamSpec, TypeVar

import typer

from commands.console import complain, messages, printable
from commands.exit_codes import ExitCode

P = ParamSpec("P")
R = TypeVar("R")

DEBUG_VARIABLE = "CRAWL_DEBUG"


def exits_plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Translate what escapes a command into a line and an exit code.

    Every family of errors that the rooms define carries its own `exit_code`; whatever has none is a bug, and says so.
    """

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _leave("stopped", ExitCode.INTERRUPTED)
        except BrokenPipeError:
            _close_quietly()
        except Exception as error:  # noqa: BLE001 - the last door: everything becomes a line and a code here
            _explain(error)

    return wrapper


def exit_code_of(error: BaseException) -> ExitCode:
    """The documented exit code of an error."""
    code = getattr(error, "exit_code", None)
    return ExitCode(code) if isinstance(code, int) else ExitCode.BUG


def describe(error: BaseException) -> str:
    """The error in one line that says what to do next."""
    text = str(error) or type(error).__name__
    if exit_code_of(error) is not ExitCode.BUG:
        return text
    where = traceback.extract_tb(error.__traceback__)[-1:] if error.__traceback__ else []
    place = f" at {Path(where[0].filename).name}:{where[0].lineno}" if where else ""
    return f"unexpected error, a bug: {type(error).__name__}: {text}{place}; set {DEBUG_VARIABLE}=1 for the details"


def _explain(error: Exception) -> NoReturn:
    if os.environ.get(DEBUG_VARIABLE):
        messages().print_exception()
    _leave(describe(error), exit_code_of(error))


def _leave(text: str, code: ExitCode) -> NoReturn:
    complain(f"crawl: {text}")
    sys.stdout.flush()
    raise typer.Exit(int(code))


def _close_quietly() -> NoReturn:
    """The reader of our output went away (`… | head -1`): that is no error of ours."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0)


__all__ = ["describe", "exit_code_of", "exits_plainly", "printable"]
