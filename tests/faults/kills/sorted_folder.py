"""A folder that is being sorted, killed at some moment: is every file whole, and does the same command go on?"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from storage.folders.journal import ENDING, PREFIX
from tests.faults import driver
from tests.faults.kills.grounds import REAL

EARLIEST = 0.1  # share of the command's time; before that only Python itself is starting


@dataclass(slots=True)
class SortedFolder:
    """Copies of one folder with pictures, one a kill."""

    template: Path  # the pictures; nobody works in it
    root: Path  # a gallery with the model
    keep: str
    place: Path  # where the copies are made
    before: dict[str, str] = field(init=False)  # by path below the folder, the hash of its bytes and its time
    stays: frozenset[str] = frozenset()  # what an undisturbed run leaves: it is undecided

    def __post_init__(self) -> None:
        self.before = state_of(self.template)

    @property
    def folder(self) -> Path:
        return self.place / "downloads"

    def command(self) -> list[str]:
        """What sorts the folder."""
        ways = ["--how", "move", "--to", str(self.place / "kept"), "--rejects", str(self.place / "others")]
        return ["classify", str(self.folder), "--keep", self.keep, *ways, "--root", str(self.root), "--quiet"]

    def begin(self) -> None:
        """A fresh copy of the folder."""
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.template, self.folder)

    def whole(self) -> float:
        """Sort it undisturbed; gives the seconds.

        Raises:
            RuntimeError: it does not end in order.
        """
        self.begin()
        ended = driver.run(self.command(), program=REAL)
        if ended.code != 0:
            raise RuntimeError(f"undisturbed: exit {ended.code}\n{ended.output}")
        self.stays = frozenset(state_of(self.folder))
        return ended.seconds

    def struck(self, moment_s: float, dice: Random) -> tuple[bool, list[str]]:
        """Kill it then, and whoever goes on and takes back too; gives whether it hit, and everything that is wrong."""
        self.begin()
        killed = driver.killed_after(self.command(), moment_s, program=REAL).killed
        troubles = [f"right after the kill: {one}" for one in self.lost()]
        ended = driver.run(self.command(), program=REAL)
        if ended.code not in (0, 2):  # 2: the killed run had moved everything already
            troubles.append(f"the next run ended with {ended.code}: {ended.output[-500:]}")
        troubles += [f"after the next run: {one}" for one in self.lost()]
        left = sorted(state_of(self.folder).keys() - self.stays)
        troubles += [f"{len(left)} files were not sorted: {left[:3]}"] if left else []
        return killed, troubles + self.taken_back(moment_s, dice)

    def taken_back(self, moment_s: float, dice: Random) -> list[str]:
        """Take it back, killed once too; gives what is not as it was."""
        for journal in sorted((self.place / "kept").glob(f"{PREFIX}*{ENDING}"), reverse=True):
            undo = ["classify", "--undo", str(journal), "--quiet"]
            driver.killed_after(undo, dice.uniform(EARLIEST, 1.0) * moment_s, program=REAL)
            ended = driver.run(undo, program=REAL)
            if ended.code != 0:
                return [f"taking back ended with {ended.code}: {ended.output[-500:]}"]
        after = state_of(self.folder)
        differ = set(after.items()) ^ set(self.before.items())
        return [f"taken back, {len(differ)} differ"] if differ else []

    def lost(self) -> list[str]:
        """Contents that are nowhere whole."""
        there = Counter(one.partition(" ")[0] for one in state_of(self.place).values())
        gone = [name for name, one in self.before.items() if one.partition(" ")[0] not in there]
        return [f"lost: {', '.join(gone[:3])} ({len(gone)})"] if gone else []


def state_of(folder: Path) -> dict[str, str]:
    """By path below a folder: the hash of each picture's bytes, and its time."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ENDING)
    return {
        path.relative_to(folder).as_posix(): f"{_hash(path)} {path.stat().st_mtime_ns}"
        for path in files
        if not path.name.startswith(".")
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def moments(count: int, whole_s: float, dice: Random) -> Sequence[float]:
    """Random moments of a command that takes so long."""
    return [dice.uniform(EARLIEST, 1.0) * whole_s for _ in range(count)]
