"""SIGKILL at seeded random moments of real commands: is every label kept, one whole model in force, no file lost?

    python -m bench.kill_moments                                  the main job, 100 kills
    python -m bench.kill_moments --what all --moments 50 --seed 1
    python -m bench.kill_moments --what train --at commit         at every commit, instead of at random moments
    python -m bench.kill_moments --what crawl --real-model        judged by a network instead of by brightness
    python -m bench.kill_moments --what apply --seed 1 --first 17 --moments 1     the 17th moment again

A small gallery is crawled from the demo site once, and copied for each moment. The command runs in a process of its
own, and so does a person who labels meanwhile (rounds, rescoring, apply) or who answers on the page (review). Half of
the time both are killed, else the command alone. What is left is checked at once, by the checker of the fault suite:
every acknowledged label, one whole registered model in force, no original lost. Then the command is run again,
undisturbed; all promises must hold, `crawl verify` must find nothing, and the state must be that of an undisturbed run.
Exit 1 when anything differs; the broken gallery is kept and named.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.equipment.galleries import served
from tests.equipment.roots import root_with_models
from tests.faults import driver
from tests.faults.kills import commands
from tests.faults.kills.grounds import Ground, crawled, demo_site, painted_ground
from tests.faults.kills.page import PageScene
from tests.faults.kills.scenes import Blow, Scene, Struck, Whole, strike_once

KINDS = ("crawl", "train", "network", "rescore", "activate", "apply", "restore", "review")
ALL = tuple(kind for kind in KINDS if kind != "network")  # a network is trained for a minute each time
FEWEST_KILLED = 3  # of so many blows at least one must hit, or the command ends too early for this
BROKEN = Path(tempfile.gettempdir()) / "kill-moments-broken"
EARLIEST = 0.15  # share of the time; before that only Python itself is starting


@dataclass(frozen=True, slots=True)
class SceneFactory:
    """Sets scenes up on one ground."""

    ground: Ground
    folder: Path
    seed: int
    real_model: bool

    def scene(self, kind: str) -> Scene:
        """The scene of that name."""
        makers: Mapping[str, Callable[[], Scene]] = {
            "crawl": self._crawl,
            "train": lambda: commands.train(self.ground, self.seed),
            "network": lambda: commands.network(self.ground, self.seed),
            "rescore": lambda: commands.rescore(self.ground, self.seed),
            "activate": lambda: commands.activate(self.ground, self.seed, self.folder / "later"),
            "apply": lambda: commands.apply(self.ground, self.seed, self.folder / "upset"),
            "restore": lambda: commands.restore(self.ground, self.folder / "emptied"),
            "review": lambda: PageScene.of(self.ground, self.seed),
        }
        return makers[kind]()

    def _crawl(self) -> Scene:
        if not self.real_model:
            return commands.crawl(self.ground)
        root_with_models(self.ground.template, self.folder / "models")
        return commands.crawl_with_models(self.ground, self.folder / "models")


@dataclass(frozen=True, slots=True)
class KillPlan:
    """How many kills, and at which moments."""

    moments: int
    first: int
    seed: int
    aim: str  # a kind of operation; empty: random moments
    broken: Path  # where broken galleries are kept

    def blows(self) -> Iterator[tuple[int, Blow]]:
        """Numbered; the same seed and number give the same blow."""
        last = 1_000_000 if self.aim else FEWEST_KILLED * self.moments
        for number in range(self.first, self.first + last):
            if self.aim:
                yield number, Blow(kind=self.aim, number=number)
            else:
                yield number, Blow(share=Random(f"{self.seed} {number}").uniform(EARLIEST, 1.0))


def measure(scene: Scene, plan: KillPlan, folder: Path) -> bool:
    """Kill one scene's command again and again; prints the outcomes; returns whether all were well."""
    warm, whole = scene.whole(folder / "warm"), scene.whole(folder / "whole")
    if warm.state != whole.state and scene.compares:
        print(f"{scene.name}: two undisturbed runs end in different states: {folder}")
        return False
    lines = len(whole.state.splitlines())
    print(f"{scene.name}: undisturbed {whole.seconds:.2f} s, {lines} lines of state, seed {plan.seed}", flush=True)
    killed, well, broken = 0, 0, 0
    for number, blow in plan.blows():
        root = folder / f"{scene.name.partition(',')[0]}-{number}"
        struck = _struck(scene, root, blow, whole, Random(f"{plan.seed} {number} {scene.name}"))
        killed += struck.killed
        well += struck.killed and not struck.troubles
        broken += bool(struck.troubles)
        _report(number, blow, struck, plan.broken)
        if not struck.troubles:
            shutil.rmtree(root, ignore_errors=True)
        if killed >= plan.moments or (plan.aim and not struck.killed):
            break
    for name in ("warm", "whole"):
        shutil.rmtree(folder / name)
    print(f"{scene.name}: {well} of {killed} kills ended well (seed {plan.seed})", flush=True)
    return not broken and (killed > 0)


def _struck(scene: Scene, root: Path, blow: Blow, whole: Whole, dice: Random) -> Struck:
    try:
        return strike_once(scene, root, blow, whole, dice)
    except Exception:  # noqa: BLE001 - one moment's trouble is reported, and the next one is tried
        return Struck(root, killed=True, ran_s=0.0, troubles=[traceback.format_exc()])


def _report(number: int, blow: Blow, struck: Struck, broken: Path) -> None:
    when = f"{struck.ran_s:7.3f} s" if struck.killed else "    ended"
    outcome = "well" if not struck.troubles else f"{broken / struck.root.name}: " + "; ".join(struck.troubles)
    print(f"{number:>6}  {blow!s:>10}  {when}  {struck.heard:>3} labels  {outcome}", flush=True)


def main() -> int:
    """Read the command line and measure."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--what", choices=(*KINDS, "all"), default="crawl", help="what is killed")
    read.add_argument("--moments", type=int, default=100, help="how many kills of each kind")
    read.add_argument("--seed", type=int, default=1, help="of the moments")
    read.add_argument("--first", type=int, default=1, help="number of the first moment")
    read.add_argument("--at", default="", choices=("", *driver.ANNOUNCED), help="every operation of this kind instead")
    read.add_argument("--posts", type=int, default=500, help="posts of the demo gallery")
    read.add_argument("--real-model", action="store_true", help="let a network judge in the main job")
    read.add_argument("--painted", action="store_true", help="a painted gallery instead of the demo site's")
    read.add_argument("--broken", type=Path, default=BROKEN, help="where broken galleries are kept")
    given = read.parse_args()
    kinds = ALL if given.what == "all" else (given.what,)
    if given.painted and {"crawl", "network"} & set(kinds):
        read.error("--painted has no site and no network: choose another kind")
    if given.at and "review" in kinds:
        read.error("the page is killed at moments only: leave --at out")
    plan = KillPlan(given.moments, given.first, given.seed, given.at, given.broken)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kill-moments-")))
        os.environ.setdefault("CRAWL_LIMITS_FREE_SPACE_MB", "10")
        ground = painted_ground(folder) if given.painted else _demo(stack, folder, kinds, given)
        factory = SceneFactory(ground, folder, given.seed, given.real_model)
        well = [_measured(factory, kind, plan) for kind in kinds]
    return 0 if all(well) else 1


def _demo(stack: ExitStack, folder: Path, kinds: Sequence[str], given: argparse.Namespace) -> Ground:
    url = stack.enter_context(served(["--posts", str(given.posts)]))
    site = demo_site(folder, url)
    return site if kinds == ("crawl",) and not given.real_model else crawled(site)


def _measured(factory: SceneFactory, kind: str, plan: KillPlan) -> bool:
    folder = factory.folder / "moments"
    folder.mkdir()
    try:
        return measure(factory.scene(kind), plan, folder)
    finally:
        for left in folder.iterdir():
            shutil.copytree(left, plan.broken / left.name, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
