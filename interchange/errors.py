"""What can go wrong with an export as a whole. Each ends the program with exit code 2; nothing was done.

What goes wrong with one post does not end an export: it is counted with its reason, and the others go on.
"""

from __future__ import annotations

from storage.run_error import RunError


class InterchangeRefused(RunError):
    """What was asked for contradicts itself, or what is there already."""

    exit_code = 2


class FolderRefused(InterchangeRefused):
    """The folder is not empty, and is no export; or an export of another kind."""


class BadTemplate(InterchangeRefused):
    """A caption's template names something that there is not."""
