"""Row P05 for the whole crawl: its terminal closes, or nobody reads what it prints."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults import driver
from tests.faults.killing import command, mends_itself
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_same_state, assert_well
from tests.speed import patient


@contextmanager
def at_a_terminal(arguments: list[str], environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command as a person starts it, and the end of the terminal that the person sees."""
    seen, terminal = pty.openpty()
    try:
        process = subprocess.Popen(
            [*driver.PROGRAM, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=driver.REPOSITORY,
            env={**os.environ, **environment},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
    finally:
        os.close(terminal)
    try:
        yield process, seen
    finally:
        process.kill()
        process.wait()


@pytest.mark.fault("P05")
def test_a_terminal_that_closes_ends_the_run_in_order(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        slowly = {**LOGGED_IN, "CRAWL_SCORING_IN_FLIGHT": "2", "STUB_DELAY": "0.4"}

        with at_a_terminal(arguments, slowly) as (process, seen):
            deadline = time.monotonic() + driver.LIMIT_S
            while not site.paths("/720x720/"):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)
            os.close(seen)
            code = process.wait(patient(10.0))

        assert code == 143
        assert_well(root, laboratory.expected(posts=None, last_exit=143))
        mends_itself(root, arguments, laboratory, label="the terminal closed")


@pytest.mark.fault("P05")
def test_a_run_whose_output_nobody_reads_is_complete_and_says_so(laboratory: Laboratory) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        done = subprocess.run(
            [*driver.PROGRAM, *arguments, "--json"],
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=driver.REPOSITORY,
            env={**os.environ, **LOGGED_IN},
            check=False,
            timeout=driver.LIMIT_S,
        )
    os.close(writing)

    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert_well(root, laboratory.expected(last_exit=0))
    assert_same_state(root, laboratory)


@pytest.mark.fault("P18")
def test_the_object_of_a_run_counts_what_the_gallery_holds(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        _, arguments = command(laboratory, site)
        site.misbehave([{"match": {"path": "/720x720/*", "post": 10}, "do": {"status": 500}}])
        ended = driver.run([*arguments, "--json"], environment=LOGGED_IN)

    record = json.loads(ended.stdout)
    assert record["exit"] == ended.code == 3
    assert sum(one["count"] for one in record["open"]) == record["failed"] > 0
    assert all(one["why"] for one in record["open"])
