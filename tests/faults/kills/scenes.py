"""What is killed, how it is looked at, and how it goes on: one scene for each command.

A scene makes fresh galleries in one and the same state. Its command is struck in one of them, while a person labels;
what is left is looked at by the fault suite's checker, which shares no code with the program. Then the command is run
again, undisturbed, and must end in the state of a run that nobody struck.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Protocol

from commands.terminal.exit_codes import ExitCode
from storage.archive import open_reader
from storage.archive_records import Label
from tests.faults import driver
from tests.faults.checker import checker
from tests.faults.checker.evidence import Expected, walk
from tests.faults.kills.grounds import Ground
from tests.faults.kills.labels import Acknowledged, Labeller

Run = Callable[[Sequence[str], Mapping[str, str]], driver.CommandResult]

LIMIT_S = 600.0  # one command
DONE = (0, int(ExitCode.UNDECIDED))  # of so few pictures a round may make a model that must not decide
ORPHANS_S = 120.0  # what a killed command had started ends within: not for ever, however busy the machine is
SMALL_BATCH = {"STUB_BATCH": "60", "PYTHONDONTWRITEBYTECODE": "1"}  # rescoring takes several transactions
KEPT_PLACES = ("gallery", "trash")


@dataclass(frozen=True, slots=True)
class Blow:
    """When a command is killed: at a share of the time that it takes, or at its Nth operation of a kind."""

    share: float = 0.0
    kind: str = ""  # of tests.faults.simulator.operations; empty: the share counts
    number: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.number}" if self.kind else f"{self.share:.0%}"


@dataclass(slots=True)
class Struck:
    """A command that was killed, or ended before."""

    root: Path
    killed: bool
    ran_s: float
    acknowledged: list[Acknowledged] = field(default_factory=list)  # grows when the person goes on
    heard: int = 0  # of those, before the command died
    troubles: list[str] = field(default_factory=list)  # seen before anybody mended anything
    go_on: Callable[[], None] = lambda: None  # what the person had still to say


@dataclass(frozen=True, slots=True)
class Whole:
    """An undisturbed run."""

    seconds: float
    state: str
    operations: Mapping[str, int] = field(default_factory=dict)  # by kind; none where it did not say

    def moments(self, kind: str, number: int) -> list[Blow]:
        """So many moments, spread evenly over its operations of a kind; the last one a little before its end."""
        there = self.operations[kind]
        return [Blow(kind=kind, number=1 + int(0.97 * (there - 1) * at / max(1, number - 1))) for at in range(number)]


def in_a_child(words: Sequence[str], environment: Mapping[str, str]) -> driver.CommandResult:
    """Run a command line undisturbed, in a process of its own."""
    return driver.run(words, environment=environment, limit_s=LIMIT_S)


class Scene(Protocol):
    """One kind of thing that can be killed."""

    @property
    def name(self) -> str: ...
    @property
    def compares(self) -> bool: ...
    def whole(self, root: Path) -> Whole: ...
    def struck(self, root: Path, blow: Blow, whole: Whole, dice: Random) -> Struck: ...
    def mended(self, struck: Struck, whole: Whole) -> list[str]: ...


def strike_once(scene: Scene, root: Path, blow: Blow, whole: Whole, dice: Random) -> Struck:
    """One kill and all that must hold after it; what does not is in `troubles`."""
    struck = scene.struck(root, blow, whole, dice)
    struck.troubles = [f"right after the kill: {one}" for one in struck.troubles]
    struck.go_on()
    struck.troubles += [f"after the next run: {one}" for one in scene.mended(struck, whole)]
    return struck


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandScene:
    """A command that runs to its end."""

    name: str
    ground: Ground
    words: Sequence[str]  # of the command line, without the root
    labels: Sequence[Label] = ()  # filed while it runs
    same: Callable[[str], str] = lambda line: line  # a line of the state without what may differ
    compares: bool = True  # with the undisturbed run's state; a network that learns for seconds never ends in the same
    fair: tuple[int, ...] = DONE  # how it may end by itself while somebody labels
    program: Sequence[str] = driver.PROGRAM  # that is killed
    undisturbed: Run = in_a_child
    environment: Mapping[str, str] = field(default_factory=lambda: SMALL_BATCH)
    fresh: Callable[[Path], object] | None = None  # makes a root; None: a copy of the ground's template

    def whole(self, root: Path) -> Whole:
        """All labels are filed first, then the command runs undisturbed.

        Raises:
            RuntimeError: it fails, or the gallery is not well afterwards.
        """
        self._begin(root)
        labeller = Labeller(root, self.labels)
        labeller.write_the_rest()
        counts = root.with_name(f"{root.name}.json")
        ended = self._run(root, {"STUB_COUNT": str(counts)})
        troubles = looked_at(root, labeller.acknowledged) if ended.code in DONE else [ended.output]
        if troubles:
            raise RuntimeError(f"{self.name}, undisturbed: {'; '.join(troubles)}")
        operations = json.loads(counts.read_text(encoding="utf-8")) if counts.exists() else {}
        return Whole(ended.seconds, state_of(root, self.same), operations)

    def struck(self, root: Path, blow: Blow, whole: Whole, dice: Random) -> Struck:
        """Run it with somebody at work beside it, kill it, and look."""
        self._begin(root)
        before = files_of(root)
        labeller = Labeller(root, self.labels, pause_s=whole.seconds / (1 + len(self.labels)))
        environment = {**self.environment, **({"STUB_DIE": f"{blow.kind}:{blow.number}"} if blow.kind else {})}
        power_cut = dice.random() < 0.5  # the labelling process dies as well
        with driver.started(
            [*self.words, *self.ground.at(root)], program=self.program, environment=environment, limit_s=LIMIT_S
        ) as child:
            child.spares_children = True
            with labeller.at_work():
                ended = _killed(child, blow, whole)
                if power_cut:
                    labeller.die()
            orphans = [] if ended_group(child.process.pid) else ["what the killed command had started still runs"]
        found = Struck(root, ended.killed, ended.seconds, labeller.acknowledged, len(labeller.acknowledged))
        found.go_on = labeller.write_the_rest
        found.troubles = orphans + looked_at(root, found.acknowledged, weak=True) + lost(before, root)
        if not ended.killed and ended.code not in self.fair:
            found.troubles.append(f"it ended by itself with {ended.code}: {ended.stderr.strip()[-300:]}")
        return found

    def mended(self, struck: Struck, whole: Whole) -> list[str]:
        """Run it again, undisturbed, and compare."""
        again = self._run(struck.root)
        if again.code not in DONE:
            return [f"it ended with {again.code}: {again.stderr.strip()[-300:]}"]
        found = looked_at(struck.root, struck.acknowledged) + verified(self.undisturbed, self.ground, struck.root)
        if self.compares and state_of(struck.root, self.same) != whole.state:
            found.append("another state than the undisturbed run's")
        return found + half_decided(self.ground, struck.root)

    def _begin(self, root: Path) -> None:
        if self.fresh is None:
            self.ground.copied_to(root)
        else:
            self.fresh(root)

    def _run(self, root: Path, more: Mapping[str, str] = MappingProxyType({})) -> driver.CommandResult:
        return self.undisturbed([*self.words, *self.ground.at(root)], {**self.environment, **more})


def _killed(child: driver.Child, blow: Blow, whole: Whole) -> driver.CommandResult:
    if not blow.kind:
        return driver.killed_now(child, blow.share * whole.seconds)
    ended = child.wait()
    if ended is None:
        raise TimeoutError("the child did not end")
    return ended


# --- looking -------------------------------------------------------------------------------------------------------


def looked_at(root: Path, acknowledged: Sequence[Acknowledged], *, weak: bool = False) -> list[str]:
    """What the fault suite's checker finds wrong."""
    return [str(one) for one in checker.check(root, Expected(labels=acknowledged), weak=weak)]


def files_of(root: Path) -> Counter[str]:
    """How often each original's bytes lie in the gallery and the trash, by MD5."""
    found = walk(root) if root.exists() else {}
    return Counter(one.md5 for path, one in found.items() if path.partition("/")[0] in KEPT_PLACES)


def lost(before: Counter[str], root: Path) -> list[str]:
    """Originals that were here and are neither in the gallery nor in the trash."""
    return [f"the original {md5} is gone" for md5 in sorted((before - files_of(root)).keys())]


def verified(run: Run, ground: Ground, root: Path) -> list[str]:
    """What `crawl verify` finds wrong."""
    ended = run(["verify", *ground.at(root)], {})
    return [] if ended.code == 0 else [f"crawl verify ends with {ended.code}: {ended.output.strip()[-300:]}"]


def half_decided(ground: Ground, root: Path) -> list[str]:
    """Whether some decisions by score or tag still are those of a model that is not in force."""
    with open_reader(root) as reader:
        active = reader.active_model(ground.target)
        rows = reader.sql("SELECT DISTINCT model FROM results WHERE model IS NOT NULL").rows
    names = {str(row[0]) for row in rows}
    if active is None or names <= {active.card.name}:
        return []
    return [f"{active.card.name} is in force, and decisions are by {', '.join(sorted(names))}"]


def state_of(root: Path, same: Callable[[str], str]) -> str:
    """The gallery's state, line by line."""
    return "\n".join(sorted(map(same, checker.state_lines(root))))


_NAME = re.compile(r'"([a-z0-9_]+)/\d+"')


def whatever_number(line: str) -> str:
    """A line of the state in which models have no numbers: a round that was done twice made two models."""
    return _NAME.sub(r'"\1/N"', line)


def ended_group(pid: int, *, within_s: float = ORPHANS_S) -> bool:
    """Whether everything that a command started has ended within that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, 0)
            time.sleep(0.02)
            continue
        return True
    return False
