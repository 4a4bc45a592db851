"""Rounds and measurements that are stopped, or die, say what was kept and what to do next."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from test_commands_rounds import POSTS, active, crawl, fill

from rounds import evaluating, learning_round


@pytest.fixture
def root(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "root"))
    return tmp_path / "root"


def asked_to_stop(by: signal.Signals) -> None:
    os.kill(os.getpid(), by)
    time.sleep(0.2)  # in a thread of its own; the loop hears of it meanwhile


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_round_that_is_stopped_while_it_learns_says_that_nothing_changed(
    root: Path, by: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning_round, "learn_candidate", lambda *given: asked_to_stop(by))

    done = crawl(root, "train", "mona")

    assert done.exit_code == code
    assert "stopped: nothing was changed: mona/1 stays in force; run the same command to begin again" in done.stderr
    assert active(root) == "mona/1"


def test_a_round_that_is_stopped_after_its_model_came_into_force_says_what_is_left(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stopped(*given: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(60)

    monkeypatch.setattr(learning_round, "rescore", stopped)

    done = crawl(root, "train", "mona", "--quiet")
    monkeypatch.undo()
    finished = crawl(root, "rescore", "mona")

    assert (done.exit_code, active(root)) == (143, "mona/2")
    assert f"mona/2 is in force; {POSTS} pictures are not decided by it yet: crawl rescore mona finishes" in done.stderr
    assert finished.exit_code == 0
    assert f"{POSTS} pictures rescored" in finished.stderr


def test_a_round_that_dies_after_its_model_came_into_force_says_so_beside_the_reason(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def died(*given: object) -> None:
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(learning_round, "rescore", died)

    done = crawl(root, "train", "mona", "--quiet")

    assert done.exit_code == 1
    assert "the device is gone" in done.stderr
    assert f"mona/2 is in force; {POSTS} pictures are not decided by it yet: crawl rescore mona finishes" in done.stderr


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_measurement_that_is_stopped_says_that_nothing_was_written(
    root: Path, by: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "evaluate_gallery", lambda *given: asked_to_stop(by))

    done = crawl(root, "evaluate", "mona")

    assert done.exit_code == code
    assert "stopped: nothing was written; run the same command" in done.stderr
