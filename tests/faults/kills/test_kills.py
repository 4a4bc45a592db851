"""P01 and P02: SIGKILL at every operation and at random moments; the next run ends in the unbroken run's state."""

from __future__ import annotations

import random

import pytest

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.killing import command, dies_at, mends_itself
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory
from tests.faults.simulator.simulator import simulator

SEED = 20260
MOST = 1000  # operations of one kind in one run, at most; more would mean that a sweep never ends
SAMPLE = (("create", 9), ("rename", 6), ("link", 1), ("sync", 25), ("fsync", 5))
STRIDES = {"create": 1, "rename": 1, "link": 1, "unlink": 1, "mkdir": 3, "sync": 1, "fsync": 2, "pwrite": 19}


def _skip_where_nothing_can_aim(kind: str) -> None:
    if kind not in driver.ANNOUNCED and (reason := driver.cannot_trace()) is not None:
        pytest.skip(reason)


@pytest.mark.fault("P01")
@pytest.mark.parametrize(("kind", "number"), slow_after(1, SAMPLE), ids=[f"{kind} {number}" for kind, number in SAMPLE])
def test_a_kill_in_the_middle_of_an_operation_is_mended(kind: str, number: int, laboratory: Laboratory) -> None:
    _skip_where_nothing_can_aim(kind)
    with simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        ended = dies_at(kind, number, arguments)

        assert ended.killed, f"no {kind} number {number}: exit {ended.code}\n{ended.output}"
        mends_itself(root, arguments, laboratory, label=f"{kind} {number}")


@pytest.mark.fault("P01")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", STRIDES)
def test_a_kill_at_any_operation_of_a_kind_is_mended(kind: str, laboratory: Laboratory) -> None:
    _skip_where_nothing_can_aim(kind)
    with simulator(laboratory.gallery(), laboratory.cache) as site:
        for number in range(1, MOST, STRIDES[kind]):
            root, arguments = command(laboratory, site)
            ended = dies_at(kind, number, arguments)
            if not ended.killed:
                assert ended.code == 0, ended.output
                assert number > 1
                return
            mends_itself(root, arguments, laboratory, label=f"{kind} {number}")
    pytest.fail(f"after {MOST} operations of kind {kind} the run still does not end")


@pytest.mark.fault("P02")
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_kill_at_any_moment_is_mended(laboratory: Laboratory) -> None:
    moments = random.Random(SEED)
    with simulator(laboratory.gallery(), laboratory.cache) as site:
        _, arguments = command(laboratory, site)
        whole = driver.run(arguments, environment=LOGGED_IN).seconds
        for _ in range(30):
            root, arguments = command(laboratory, site)
            moment = moments.uniform(0.2, 1.0) * whole
            driver.killed_after(arguments, moment, environment=LOGGED_IN)
            if moments.random() < 0.5:
                driver.killed_after(arguments, moments.uniform(0.2, 0.9) * whole, environment=LOGGED_IN)
            mends_itself(root, arguments, laboratory, label=f"{moment:.3f} s, seed {SEED}")
