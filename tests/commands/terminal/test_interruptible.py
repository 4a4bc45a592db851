"""Rounds and measurements that are stopped, or die, say what was kept and what to do next."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from classifier.progress import ProgressCallback
from commands.crawling.round_steps import RoundSteps
from commands.evaluate import Measures
from commands.terminal.exit_codes import ExitCode
from commands.terminal.signals import StopRequest
from rounds.head_round import Candidate, HeadRoundSettings, RoundOutcome, Snapshot
from storage.archive import Archive
from tests.commands.training.test_rounds import POSTS, active, crawl, fill
from tests.equipment.parameters import slow_after
from tests.speed import patient

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "root"))
    return tmp_path / "root"


def asked_to_stop(by: signal.Signals) -> NoReturn:
    os.kill(os.getpid(), by)
    time.sleep(patient(0.2))  # in a thread of its own; the loop hears of it meanwhile
    raise AssertionError("nobody waits for this")


@dataclass
class StoppedWhileItLearns(RoundSteps):
    by: signal.Signals

    def learn(self, snapshot: Snapshot, settings: HeadRoundSettings) -> Candidate:
        asked_to_stop(self.by)


class EndsInForce(RoundSteps):
    """A round that ends in some way when its model is in force, before anything is decided again."""

    async def finish(
        self,
        candidate: Candidate,
        archive: Archive,
        models: Path,
        settings: HeadRoundSettings,
        report: ProgressCallback,
    ) -> RoundOutcome:
        outcome = await super().finish(candidate, archive, models, replace(settings, decide_again=False), report)
        await self.end()
        return outcome

    async def end(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)


class DiesInForce(EndsInForce):
    async def end(self) -> None:
        raise RuntimeError("the device is gone")


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_round_that_is_stopped_while_it_learns_says_that_nothing_changed(
    root: Path, by: signal.Signals, code: int
) -> None:
    done = crawl(root, "train", "mona", parts=StoppedWhileItLearns(by))

    assert done.exit_code == code
    assert "stopped: nothing was changed: mona/1 stays in force; run the same command to begin again" in done.stderr
    assert active(root) == "mona/1"


def test_a_round_that_is_stopped_after_its_model_came_into_force_says_what_is_left(root: Path) -> None:
    done = crawl(root, "train", "mona", "--quiet", parts=EndsInForce())
    finished = crawl(root, "rescore", "mona")

    assert (done.exit_code, active(root)) == (143, "mona/2")
    assert f"mona/2 is in force; {POSTS} pictures not decided by it yet: crawl rescore mona finishes" in done.stderr
    assert finished.exit_code == 0
    assert f"{POSTS} pictures rescored" in finished.stderr


def test_a_round_that_dies_after_its_model_came_into_force_says_so_beside_the_reason(root: Path) -> None:
    done = crawl(root, "train", "mona", "--quiet", parts=DiesInForce())

    assert done.exit_code == 1
    assert "the device is gone" in done.stderr
    assert f"mona/2 is in force; {POSTS} pictures not decided by it yet: crawl rescore mona finishes" in done.stderr


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_measurement_that_is_stopped_says_that_nothing_was_written(root: Path, by: signal.Signals, code: int) -> None:
    done = crawl(root, "evaluate", "mona", parts=Measures(on_gallery=lambda *given: asked_to_stop(by)))

    assert done.exit_code == code
    assert "stopped: nothing was written; run the same command" in done.stderr


STUCK = """
import asyncio, sys, time
from commands.terminal.interruptible import run_stoppable

async def work():
    print("working", flush=True)
    await asyncio.to_thread(time.sleep, 600)  # as a file does on a disk that does not answer
    return 0

raise SystemExit(run_stoppable(work(), lambda: "nothing was changed"))
"""


@pytest.mark.parametrize("by", slow_after(1, [signal.SIGTERM, signal.SIGINT]))
def test_two_requests_end_what_waits_for_a_thread_that_never_ends(by: signal.Signals) -> None:
    command = [sys.executable, "-c", STUCK]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "working\n"
        child.send_signal(by)
        heard = child.stderr.readline()
        child.send_signal(signal.SIGINT)
        code = child.wait(60)  # of the 600 that the thread would take
        heard += child.stderr.read()

    assert code == (130 if by == signal.SIGINT else 143)
    assert heard.startswith("crawl: stopped: nothing was changed")
    assert "Traceback" not in heard


async def test_the_work_is_ended_by_force_when_one_request_does_not_end_it() -> None:
    ends = asyncio.Queue[int]()
    loop = asyncio.get_running_loop()
    request = StopRequest(force=lambda code: loop.call_soon_threadsafe(ends.put_nowait, code))
    deaf = loop.create_task(asyncio.sleep(600))

    request.ask(ExitCode.TERMINATED, deaf)
    request._insist(0.0)  # instead of nine seconds

    assert await ends.get() == 143
    request.over.set()


async def test_work_that_has_ended_is_left_in_peace() -> None:
    forced: list[int] = []
    request = StopRequest(force=forced.append)
    request.over.set()

    request._insist(0.0)
    for thread in [one for one in threading.enumerate() if one.name == "stop"]:
        await asyncio.to_thread(thread.join)

    assert forced == []


LATE = """
import atexit, os, signal
from commands.app import main
atexit.register(lambda: os.kill(os.getpid(), signal.LATE))
main()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("late", slow_after(1, ["SIGTERM", "SIGINT", "SIGHUP"]))
@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["status", "--root", "nowhere"], 7)])
def test_a_request_to_stop_that_comes_too_late_changes_no_exit_code(
    words: list[str], code: int, late: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LATE.replace("LATE", late), *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stdout or done.stderr.startswith("crawl: ")
