"""Kill a run somewhere, look at what is left, let the program mend it, and compare with an unbroken run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from storage.archive import Archive
from tests.faults import driver
from tests.faults.checker.evidence import has_rows
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_same_state, assert_well, run_here
from tests.faults.simulator.simulator import Simulator

ONE_AT_A_TIME: Mapping[str, str] = {**LOGGED_IN, "CRAWL_SCORING_IN_FLIGHT": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def command(laboratory: Laboratory, site: Simulator) -> tuple[Path, list[str]]:
    """A new root, and the command line that fills it."""
    place = laboratory.place()
    return place / "root", simulator.arguments(place / "root", simulator.configuration(place, site.url))


def dies_at(kind: str, number: int, arguments: Sequence[str]) -> driver.CommandResult:
    """Run the command until its Nth operation of a kind."""
    before, environment = driver.dying_at(kind, number)
    return driver.run(arguments, before=before, environment={**ONE_AT_A_TIME, **environment})


def mends_itself(root: Path, arguments: Sequence[str], laboratory: Laboratory, *, label: str) -> None:
    """What must hold after a kill: at once, after recovery alone, and after an undisturbed run."""
    try:
        assert_well(root, laboratory.expected(canary=simulator.CANARY), weak=True)
        if has_rows(root):
            Archive.open(root).close()
            assert_well(root, laboratory.expected(posts=None))
        again = run_here(arguments, environment=LOGGED_IN)
        assert again.code == 0, again.output
        assert_well(root, laboratory.expected(last_exit=0, canary=simulator.CANARY))
        assert_same_state(root, laboratory)
    except AssertionError as error:
        raise AssertionError(f"killed at {label}: {error}") from error
