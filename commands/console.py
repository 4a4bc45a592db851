"""Where words go: results to standard output, progress and messages to standard error, colours only for people."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from rich.console import Console


@cache
def messages() -> Console:
    """Standard error. Rich leaves colours out when it is no terminal or NO_COLOR is set."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@cache
def results() -> Console:
    """Standard output, for tables."""
    return Console(highlight=False)


def say(text: str) -> None:
    """One plain line of message; whatever came from outside is made harmless."""
    messages().print(printable(text), markup=False)


def complain(text: str) -> None:
    """One plain line that is said even when all else is quiet: why a command ends."""
    messages().quiet = False
    say(text)


def print_json(record: Mapping[str, Any]) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """The text with control, format and line-breaking characters shown as escapes: one line, no terminal tricks."""
    return "".join(
        char if char == " " or unicodedata.category(char) not in _UNSAFE else char.encode("unicode_escape").decode()
        for char in text
    )


_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
