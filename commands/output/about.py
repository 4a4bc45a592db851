"""What the bare command prints: its version, its help, or what is missing."""

from __future__ import annotations

from collections.abc import Callable

from commands.terminal.console import complain, print_json
from commands.terminal.exit_codes import ExitCode
from commands.terminal.machine_formats import object_is_owed
from commands.terminal.tables import print_line, print_page
from system.program_version import installed_version


def print_version() -> None:
    """The installed version, on standard output."""
    found = installed_version() or None
    if object_is_owed():
        print_json({"version": found})
    else:
        print_line(f"boorusieve {found}" if found else "boorusieve, not installed")


def say_what_is_needed(get_help: Callable[[], str], *, typed: bool) -> int:
    """Neither tag nor target was given: show the help; where options were typed, one line says which are missing.

    Args:
        get_help: gives the page of help.
        typed: whether any options were typed.
    """
    if typed or object_is_owed():
        complain("crawl: say which tag to walk and what to keep: --tag genshin_impact --keep mona")
    else:
        print_page(get_help())
    return int(ExitCode.REFUSED)
