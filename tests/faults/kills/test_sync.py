"""P02, P06: SIGKILL while `crawl sync` follows a site that changed, and two of them at once; no label is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from commands.terminal.exit_codes import ExitCode
from storage.label_writer import Labelling
from tests.faults import driver
from tests.faults.kills.changed_site import SYNC, changed_site, sync
from tests.faults.kills.grounds import Ground
from tests.faults.kills.scenes import LIMIT_S, CommandScene, Whole, looked_at, state_of, strike_once

SEED = 12
POSTS = 16  # before; a run takes 3 s of which most is the program's start
MOMENTS = {"commit": 9, "sync": 4, "rename": 3, "link": 3, "unlink": 3, "create": 2}  # kills at operations of each kind


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with (
        pytest.MonkeyPatch.context() as patch,
        changed_site(tmp_path_factory.mktemp("changed"), patch, POSTS) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def scene(ground: Ground) -> CommandScene:
    return sync(ground, SEED)


@pytest.fixture(scope="module")
def whole(scene: CommandScene, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """An undisturbed run, in which everything changes that there is to change."""
    found = scene.whole(tmp_path_factory.mktemp("whole") / "root")
    facts = [json.loads(line) for line in found.state.splitlines()]
    hidden = {line[2]: line[3] for line in facts if line[0] == "post" and line[3] is not None}
    assert hidden == {2: "gone", 3: "banned"}
    assert max(line[2] for line in facts if line[0] == "post") > POSTS
    assert all(found.operations[kind] > number for kind, number in MOMENTS.items())
    return found


@pytest.mark.fault("P02")
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sync_killed_at_any_moment_is_finished_by_the_next(scene: CommandScene, whole: Whole, tmp_path: Path) -> None:
    blows = [blow for kind, number in MOMENTS.items() for blow in whole.moments(kind, number)]
    killed = 0

    for number, blow in enumerate(blows):
        struck = strike_once(scene, tmp_path / str(number), blow, whole, Random(f"{SEED} {blow}"))
        assert struck.troubles == [], f"killed at {blow}"
        killed += struck.killed

    assert killed >= len(blows) - 2  # how posts share transactions differs from run to run, so an end may come earlier


@pytest.mark.fault("P06")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_syncs_at_once_do_the_work_of_one(
    ground: Ground, whole: Whole, scene: CommandScene, tmp_path: Path
) -> None:
    root = ground.copied_to(tmp_path / "root")
    words = [*SYNC, *ground.at(root)]
    with Labelling(root) as labelling:
        labelling.relabel(scene.labels)
    with ExitStack() as stack:
        both = [
            stack.enter_context(driver.started(words, environment=scene.environment, limit_s=LIMIT_S)) for _ in range(2)
        ]
        ended = [child.wait() for child in both]
    codes = sorted(one.code for one in ended if one is not None)
    assert codes in ([0, 0], [0, int(ExitCode.BUSY)]), [one.output for one in ended if one is not None]
    assert looked_at(root, []) == []

    assert driver.run(words, environment=scene.environment, limit_s=LIMIT_S).code == 0
    assert state_of(root, scene.same) == whole.state
