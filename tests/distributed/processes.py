"""Which processes there are that a command started: all of them have its folder for temporary files."""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ENDS_WITHIN_S = 180.0  # agents of a node that was killed look a minute for its address book first


@dataclass(frozen=True, slots=True)
class Household:
    """A folder for temporary files, by which everything that was started with it is known."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """For the command that is started."""
        return {"TMPDIR": str(self.folder)}

    def processes(self) -> list[psutil.Process]:
        """Everything that runs and has the folder."""
        return [process for process in psutil.process_iter() if self._has(process)]

    def workers(self) -> list[psutil.Process]:
        """The Ray workers among them that look at pictures."""
        return [one for one in self.processes() if " ".join(one.cmdline()).startswith("ray::PictureWorker")]

    def left(self) -> list[psutil.Process]:
        """What does not end by itself."""
        until = time.monotonic() + ENDS_WITHIN_S
        while (found := self.processes()) and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def heard_elsewhere(self) -> set[str]:
        """Addresses beyond the loopback interface that they listen at."""
        addresses = set()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                addresses |= {one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN}
        return {one for one in addresses if not ipaddress.ip_address(one.removeprefix("::ffff:")).is_loopback}

    def _has(self, process: psutil.Process) -> bool:
        """By its environment; Ray writes its workers' titles over that, so those go by their parent's or their logs."""
        try:
            if not process.name().startswith("ray::"):
                return _folder(process) == str(self.folder)
            parent = process.parent()
            if parent is not None and parent.pid != 1:
                return _folder(parent) == str(self.folder)
            return any(one.path.startswith(f"{self.folder}/") for one in process.open_files())
        except psutil.Error:
            return False


def _folder(process: psutil.Process) -> str | None:
    return process.environ().get("TMPDIR")


@contextlib.contextmanager
def household() -> Iterator[Household]:
    """One with a short path, since sockets lie below it."""
    found = Household(Path(tempfile.mkdtemp(prefix="hh-", dir="/tmp")))
    try:
        yield found
    finally:
        shutil.rmtree(found.folder, ignore_errors=True)
