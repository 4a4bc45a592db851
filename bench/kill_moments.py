"""SIGKILL at seeded random moments of a demo run: does every next run end in the state of an unbroken one?

    python -m bench.kill_moments --moments 100 --seed 1
    python -m bench.kill_moments --moments 20 --real-model --root-template gallery-data

The command is the real one. By default a stub takes the judge's place (a score is the picture's brightness), so that a
run is short and kills fall everywhere; with `--real-model` the models of an existing gallery judge. Only the command
itself is killed, not what it started, and it is run again at once: nothing that is left behind may be in the way. After
each second run the checker of the fault suite compares rows with files, and the state digest with the unbroken run's.
Exit 1 when any differs.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.galleries import served
from bench.roots import root_with_models
from storage.archive import open_reader
from tests.faults import checker, driver
from tests.faults.evidence import Expected

TAG, KEEP = "genshin_impact", "mona"
LIMIT_S = 600.0  # one run
REAL = (sys.executable, "-m", "commands")


@dataclass(frozen=True, slots=True)
class Setting:
    """What is run, again and again."""

    url: str
    program: Sequence[str]
    template: Path | None  # a root that is copied for each run; None: an empty one
    folder: Path

    def root(self, name: str) -> Path:
        """A fresh root."""
        root = self.folder / name
        if self.template is not None:
            shutil.copytree(self.template, root)
        return root

    def arguments(self, root: Path) -> list[str]:
        """The command line."""
        return ["--site", self.url, "--tag", TAG, "--keep", KEEP, "--root", str(root), "--quiet"]

    def run(self, root: Path) -> driver.Ended:
        """Undisturbed."""
        return driver.run(self.arguments(root), program=self.program, limit_s=LIMIT_S)


@dataclass(frozen=True, slots=True)
class State:
    """What a gallery holds, by the checker's digest and the program's own."""

    seen: str
    told: str


def state(root: Path) -> State:
    """The state of a gallery that nobody is writing to."""
    with open_reader(root) as reader:
        return State(checker.state_digest(root), reader.digest())


@dataclass(frozen=True, slots=True)
class Moment:
    """One kill and what came of it."""

    number: int
    at_s: float
    killed: bool  # False: the run had ended already
    ran_s: float  # until it ended or was killed
    files: int  # originals that were in place when it died
    rerun_s: float
    troubles: tuple[str, ...]


def kill_once(number: int, at_s: float, setting: Setting, whole: State) -> Moment:
    """Kill a run at a moment, look, run it again, look again."""
    root = setting.root(f"moment-{number}")
    with driver.started(setting.arguments(root), program=setting.program, limit_s=LIMIT_S) as child:
        child.spares_children = True
        ended = driver.killed_now(child, at_s)
        troubles = [f"right after the kill: {one}" for one in checker.check(root, weak=True)]
        files = sum(1 for path in (root / "gallery").rglob("*") if path.is_file())
        begun = time.perf_counter()
        again = setting.run(root)
        rerun_s = time.perf_counter() - begun
    if again.code != 0:
        troubles.append(f"the next run ended with {again.code}: {again.stderr.strip()[-300:]}")
    else:
        troubles += [str(one) for one in checker.check(root, Expected(last_exit=0))]
        if state(root) != whole:
            troubles.append("another state than the unbroken run's")
    if not troubles:
        shutil.rmtree(root)
    return Moment(number, at_s, ended.killed, ended.seconds, files, rerun_s, tuple(troubles))


def measure(setting: Setting, moments: int, seed: int) -> int:
    """Print a table and a verdict; gives the exit code."""
    setting.run(setting.root("painting"))  # the gallery paints its pictures once
    painting = setting.run(setting.root("painted"))
    unbroken = setting.root("unbroken")
    first = setting.run(unbroken)
    if first.code != 0:
        print(f"the unbroken run ended with {first.code}:\n{first.said}")
        return 1
    whole = state(unbroken)
    if found := checker.check(unbroken, Expected(last_exit=0)):
        print("the unbroken run already breaks promises:", *found, sep="\n  ")
        return 1
    print(f"unbroken: {first.seconds:.2f} s, {_kept(unbroken)} originals, state {whole.told[:16]}, seed {seed}")
    print(f"{'moment':>6}  {'killed at':>9}  {'originals':>9}  {'next run':>8}  outcome")
    dice = random.Random(seed)
    results: list[Moment] = []
    shortest = min(first.seconds, painting.seconds)
    while sum(moment.killed for moment in results) < moments and len(results) < 3 * moments:
        moment = kill_once(len(results) + 1, dice.uniform(0.0, shortest), setting, whole)
        results.append(moment)
        shortest = shortest if moment.killed else min(shortest, moment.ran_s)
        outcome = "same state" if not moment.troubles else "; ".join(moment.troubles)
        when = f"{moment.at_s:8.3f}s" if moment.killed else "    ended"
        print(f"{moment.number:>6}  {when}  {moment.files:>9}  {moment.rerun_s:7.2f}s  {outcome}", flush=True)
    return _verdict(results, seed)


def _kept(root: Path) -> int:
    return sum(1 for path in (root / "gallery").rglob("*") if path.is_file())


def _verdict(results: Sequence[Moment], seed: int) -> int:
    count = Counter("different" if moment.troubles else "same" for moment in results)
    killed = sum(moment.killed for moment in results)
    print(
        f"{killed} of {len(results)} runs killed: {count['same']} of {len(results)} next runs ended in the unbroken "
        f"run's state, {count['different']} differ (seed {seed})"
    )
    return 1 if count["different"] else 0


def main() -> int:
    """Read the command line and measure."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--moments", type=int, default=100, help="how many kills")
    read.add_argument("--seed", type=int, default=1, help="of the moments")
    read.add_argument("--posts", type=int, default=150, help="posts of the demo gallery")
    read.add_argument("--real-model", action="store_true", help="judge with real models; needs --root-template")
    read.add_argument("--root-template", type=Path, help="a gallery whose active models judge")
    given = read.parse_args()
    if given.real_model != (given.root_template is not None):
        read.error("--real-model and --root-template DIR go together")
    with tempfile.TemporaryDirectory(prefix="kill-moments-") as name, served(["--posts", str(given.posts)]) as url:
        folder = Path(name)
        os.environ.setdefault("CRAWL_LIMITS_FREE_SPACE_MB", "10")
        os.environ["STUB_PACE"] = "real"
        template = None
        if given.root_template is not None:
            template = folder / "template"
            root_with_models(given.root_template, template)
        setting = Setting(url, REAL if given.real_model else driver.PROGRAM, template, folder)
        return measure(setting, given.moments, given.seed)


if __name__ == "__main__":
    sys.exit(main())
