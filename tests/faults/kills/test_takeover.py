"""SIGKILL while better models take over: the next run ends in what they alone would have decided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.faults import driver
from tests.faults.checker.evidence import reading
from tests.faults.killing import ONE_AT_A_TIME, command
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_well, run_here
from tests.faults.simulator.simulator import Simulator

MOST = 1000
SUCCEEDED: Mapping[str, str] = {
    **ONE_AT_A_TIME, "STUB_JUDGE": "succeeded", "CRAWL_ROUND_ZERO_NETWORK_BESIDE": "true",
}  # fmt: skip


def decided(root: Path) -> list[tuple[int, str, str]]:
    """What holds of every post, and by which model."""
    with reading(root) as database:
        rows = database.execute("SELECT post_id, decision, model FROM results ORDER BY post_id").fetchall()
        wanted = "SELECT count(*) FROM results WHERE decision = 'keep' AND place <> 'gallery'"
        assert database.execute(wanted).fetchone() == (0,)
    return rows


def killed_at(kind: str, number: int, laboratory: Laboratory, site: Simulator) -> bool:
    """Whether it was killed there; then the next run, by the better model alone, has mended it."""
    root, arguments = command(laboratory, site)
    before, environment = driver.dying_at(kind, number)
    ended = driver.run(arguments, before=before, environment={**SUCCEEDED, **environment})
    if not ended.killed:
        assert ended.code == 0, ended.output
        assert decided(root) == decided(laboratory.whole)
        return False
    assert_well(root, laboratory.expected(canary=simulator.CANARY), weak=True)
    again = run_here(arguments, environment=LOGGED_IN)
    assert again.code == 0, again.output
    assert_well(root, laboratory.expected(last_exit=0, canary=simulator.CANARY))
    assert decided(root) == decided(laboratory.whole), f"killed at {kind} {number}"
    return True


@pytest.mark.fault("P01")
@pytest.mark.slow
def test_a_kill_in_the_second_pass_is_mended(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        assert killed_at("commit", 30, laboratory, site)


@pytest.mark.fault("P01")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kind", "stride"), [("commit", 2), ("rename", 1), ("link", 1)])
def test_a_kill_anywhere_in_a_run_with_a_takeover_is_mended(kind: str, stride: int, laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        for number in range(1, MOST, stride):
            if not killed_at(kind, number, laboratory, site):
                return
    pytest.fail("the sweep does not end")
