"""What ends the program with a documented exit code, and what ends a run in its middle."""

from __future__ import annotations


class DocumentedError(Exception):
    """An error raised on purpose: its message is a line for people, `exit_code` one of `docs/exit-codes.md`.

    The command line ends by that line and code when nobody caught it; any other exception is a bug there.
    """

    exit_code: int = 1


class RunError(DocumentedError):
    """What concerns a whole run, and so ends it; every room's errors of that kind are of this family too.

    An error that is not of this family belongs to the one post or file at hand: it is recorded there, and the run goes
    on.
    """
