"""Rounds, rescoring, apply, restore and the page are killed while a person labels: no label is lost.

The scenes are those of `bench.kill_moments`, on a painted gallery whose network nobody needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.kills.commands import activate, apply, rescore, restore, train
from tests.faults.kills.grounds import Ground, painted_ground
from tests.faults.kills.page import PageScene
from tests.faults.kills.scenes import Blow, CommandScene, Whole, in_a_child, strike_once
from tests.faults.simulator.experiment import run_here

SEED = 5
KINDS = ("train", "rescore", "activate", "apply", "restore", "review")
SAMPLE = (
    ("rescore", Blow(kind="commit", number=8)),
    ("review", Blow(share=0.3)),
    ("restore", Blow(kind="rename", number=3)),
    ("apply", Blow(kind="rename", number=3)),
    ("train", Blow(kind="rename", number=1)),  # the package gets its name
)
SWEPT = ("rename", "mkdir", "commit")


def here(words: Sequence[str], environment: Mapping[str, str]) -> driver.CommandResult:
    """Undisturbed, in this process: nothing has to be loaded."""
    return run_here(words, environment=environment)


class Scenes:
    """Scenes, and what their undisturbed runs end in; each is made once."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        self.ground: Ground = painted_ground(folder)
        self._made: dict[str, tuple[CommandScene | PageScene, Whole]] = {}

    def __getitem__(self, kind: str) -> tuple[CommandScene | PageScene, Whole]:
        if kind not in self._made:
            scene = replace(self._scene(kind), undisturbed=here)
            self._made[kind] = scene, scene.whole(self.place())
        return self._made[kind]

    def take_the_time_of_a_child(self, kind: str) -> None:
        """What is killed runs in a process of its own, which has much to load first."""
        scene, whole = self[kind]
        seconds = replace(scene, undisturbed=in_a_child).whole(self.place()).seconds
        self._made[kind] = scene, replace(whole, seconds=seconds)

    def place(self) -> Path:
        self.count += 1
        return self.folder / f"root-{self.count}"

    def _scene(self, kind: str) -> CommandScene | PageScene:
        if kind == "train":
            return train(self.ground, SEED)
        if kind == "rescore":
            return rescore(self.ground, SEED)
        if kind == "activate":
            return activate(self.ground, SEED, self.folder / "later")
        if kind == "apply":
            return apply(self.ground, SEED, self.folder / "upset")
        if kind == "restore":
            return restore(self.ground, self.folder / "emptied")
        return PageScene.of(self.ground, SEED, answers=20)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    return Scenes(tmp_path_factory.mktemp("scenes"))


def assert_mended(scenes: Scenes, kind: str, blow: Blow) -> bool:
    """Whether it was killed there."""
    scene, whole = scenes[kind]
    struck = strike_once(scene, scenes.place(), blow, whole, Random(f"{SEED} {blow}"))
    assert struck.troubles == [], f"{kind} killed at {blow}, seed {SEED}, {struck.root}: {struck.troubles}"
    return struck.killed


@pytest.mark.fault("M13", "M18", "U12", "X02")
@pytest.mark.parametrize(("kind", "blow"), slow_after(1, SAMPLE), ids=[f"{kind}, {blow}" for kind, blow in SAMPLE])
def test_a_kill_loses_no_label_no_file_and_no_model(kind: str, blow: Blow, scenes: Scenes) -> None:
    assert assert_mended(scenes, kind, blow)


@pytest.mark.fault("M13", "M18", "P02", "U12")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_at_any_moment_loses_no_label_no_file_and_no_model(kind: str, scenes: Scenes) -> None:
    moments = Random(SEED)
    scenes.take_the_time_of_a_child(kind)

    killed = [assert_mended(scenes, kind, Blow(share=moments.uniform(0.15, 1.0))) for _ in range(8)]

    assert sum(killed) > 3


@pytest.mark.fault("M13", "U12", "X02")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("operation", SWEPT)
@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_kill_at_any_operation_loses_no_label_no_file_and_no_model(kind: str, operation: str, scenes: Scenes) -> None:
    for number in range(1, 1000):
        if not assert_mended(scenes, kind, Blow(kind=operation, number=number)):
            return
    pytest.fail("the sweep does not end")
