"""Output streams: results to standard output, progress and messages to standard error, colours only for people."""

from __future__ import annotations

from functools import cache
from typing import IO, cast

from rich.console import Console

from commands.terminal.escapes import printable
from commands.terminal.machine_formats import note_error, print_json
from commands.terminal.streams import MESSAGES
from commands.terminal.tables import results


@cache
def messages() -> Console:
    """Standard error. Rich leaves colours out when it is no terminal or NO_COLOR is set."""
    return Console(file=cast("IO[str]", MESSAGES), highlight=False, emoji=False, soft_wrap=True)


def say(text: str) -> None:
    """One plain line of message; whatever came from outside is made harmless."""
    messages().print(printable(text), markup=False)


def complain(text: str) -> None:
    """One plain line that is printed even with --quiet: why a command ends."""
    messages().quiet = False
    note_error(text.removeprefix("crawl: "))
    say(text)


__all__ = ["complain", "messages", "print_json", "printable", "results", "say"]
