"""Rows P13 and P14: a decoder that hangs while a stop is asked for, one that the system kills, and no memory left."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.driver import Child
from tests.faults.killing import command, mends_itself
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_same_state, assert_well
from tests.faults.simulator.simulator import Simulator
from tests.speed import patient

STOP_WITHIN_S = 10.0


def oddly(way: str, mark: Path) -> Mapping[str, str]:
    return {**LOGGED_IN, "STUB_DECODER": f"{way}:{mark}"}


@contextmanager
def hanging(laboratory: Laboratory, site: Simulator, arguments: list[str], mark: Path) -> Iterator[Child]:
    """A crawl whose decoder hangs over its first picture."""
    with driver.started(arguments, environment=oddly("hang", mark)) as child:
        deadline = time.monotonic() + driver.LIMIT_S
        while not mark.exists():
            assert child.wait(0.02) is None, f"ended before it decoded: {child.heard()}"
            assert time.monotonic() < deadline, child.heard()
        yield child


@pytest.mark.fault("P13")
@pytest.mark.parametrize(
    ("requests", "code"),
    slow_after(1, [((signal.SIGTERM,), 143), ((signal.SIGINT, signal.SIGINT), 130)]),
    ids=["once", "twice"],
)
def test_a_hanging_decoder_holds_up_no_stop(
    requests: tuple[signal.Signals, ...], code: int, laboratory: Laboratory, tmp_path: Path
) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        with hanging(laboratory, site, arguments, tmp_path / "mark") as child:
            decoders = psutil.Process(child.process.pid).children(recursive=True)
            for number, request in enumerate(requests):
                child.send(request)
                while number + 1 < len(requests) and "stopping" not in child.heard():
                    assert child.wait(0.02) is None, child.heard()
            ended = child.wait(patient(STOP_WITHIN_S))

        assert ended is not None, "still running after 10 s"
        assert ended.code == code, ended.output
        assert "Traceback" not in ended.output
        assert decoders
        assert psutil.wait_procs(decoders, timeout=30)[1] == []
        if len(requests) == 1:  # two end it in two seconds, by force where it is slow: then the next start tidies up
            assert_well(root, laboratory.expected(posts=None, last_exit=code))
        mends_itself(root, arguments, laboratory, label="a hanging decoder")


@pytest.mark.fault("P14")
def test_a_decoder_that_the_system_kills_is_replaced_and_its_picture_tried_again(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        ended = driver.run(arguments, environment=oddly("die once", tmp_path / "mark"))

    assert (tmp_path / "mark").exists()
    assert ended.code == 0, ended.output
    assert_well(root, laboratory.expected())
    assert_same_state(root, laboratory)


@pytest.mark.fault("P14")
@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited on Linux alone")
def test_a_run_that_gets_no_more_memory_ends_in_order_and_the_next_one_mends_it(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        ended = driver.run(arguments, environment={**LOGGED_IN, "STUB_JUDGE": "no memory"})

        assert ended.code == 1, ended.output
        assert "Traceback" not in ended.output
        mends_itself(root, arguments, laboratory, label="no memory")
