"""The line between the trouble of one post and the end of a run."""

from __future__ import annotations

from typing import ClassVar


class RunError(Exception):
    """What concerns a whole run, and so ends it; every room's errors of that kind are of this family too.

    An error that is not of this family belongs to the one post or file at hand: it is recorded there, and the run goes
    on. `exit_code` is the process's.
    """

    exit_code: ClassVar[int] = 1
