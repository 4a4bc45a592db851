"""How programs die in the storage tests: at their nth step to the disk, with nothing tidied up."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect

from storage.archive import Archive
from tests.storage.samples import NO_RESERVE


class Killed(BaseException):
    """Stands for SIGKILL: from here on the program can do nothing more, not even tidy up."""


class Reaper:
    """Lets the program die at its nth step to the disk, commits among them; every later step dies too."""

    STEPS = ("fsync", "replace", "link", "unlink", "mkdir", "write")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        self.left = nth
        for name in self.STEPS:
            monkeypatch.setattr(os, name, self._guard(getattr(os, name)))
        monkeypatch.setattr(DefaultDialect, "do_commit", self._guard(DefaultDialect.do_commit, after=True))

    @property
    def struck(self) -> bool:
        return self.left <= 0

    def step(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise Killed

    def _guard(self, real: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.step()
            result = real(*args, **kwargs)
            if after:
                self.step()  # committed, and not acknowledged
            return result

        return guarded


def bury(archive: Archive) -> None:
    """What the kernel does with a dead process: connections are gone, the lock is dropped, nothing is tidied up."""
    try:
        archive._access.close()
    finally:
        archive._lock.release(clean=False)


def die_in_recovery(root: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    """Open a gallery and die at the nth step of what the start mends."""
    with monkeypatch.context() as patched:
        reaper = Reaper(patched, nth)
        try:
            bury(Archive.open(root, NO_RESERVE))
        except BaseException:  # noqa: BLE001 - however the death shows, it is the reaper's work
            assert reaper.struck, "died of something else"
