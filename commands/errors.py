"""What can go wrong with a command before any work begins. Each ends the program with exit code 2; nothing was done."""

from __future__ import annotations

from storage.run_error import RunError


class UsageRefused(RunError):
    """The command was asked for something that makes no sense; nothing was done."""

    exit_code = 2


class SettingsError(RunError):
    """The configuration is refused; nothing was done."""

    exit_code = 2


class DemoRefused(RunError):
    """The demo gallery cannot be served as asked."""

    exit_code = 2
