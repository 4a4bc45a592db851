"""A round is watched through what it prints, one at a time, and can be stopped."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest

from review.errors import RoundRuns
from review.round_process import RoundProcess
from review.service import RoundState
from rounds.target_state import TargetState

GOOD = """
import json
print(json.dumps({"stage": "learning", "share": 0.5, "words": "halfway"}), flush=True)
print("some library is talkative")
print(json.dumps(["no", "object"]))
print(json.dumps({"done": {"model": "mona/2", "activated": True}}), flush=True)
"""
FAILING = "import sys; print('no model for mona yet; crawl first', file=sys.stderr); sys.exit(2)"
WAITING = """
import json, time
print(json.dumps({"stage": "learning", "share": 0.1, "words": ""}), flush=True)
time.sleep(600)
"""


def program(text: str, *models: TargetState, **limits: float) -> RoundProcess:
    """A round that runs this program; the gallery states one model before it and one after."""
    answers = iter(models or (OLD,) * 9)
    return RoundProcess(lambda target: [sys.executable, "-c", text, target], lambda target: next(answers), **limits)


OLD = TargetState("mona", "mona/1")
NEW = TargetState("mona", "mona/2", undecided=485)


async def until(rounds: RoundProcess, fits: Callable[[RoundState], bool]) -> RoundState:
    async with asyncio.timeout(120):
        while not fits(rounds.state()):  # noqa: ASYNC110 - another process tells, when it likes
            await asyncio.sleep(0.01)
    return rounds.state()


async def test_a_round_reports_its_stages_and_its_outcome() -> None:
    rounds = program(GOOD)

    await rounds.start("mona")
    state = await until(rounds, lambda now: now.state != "running")

    assert (state.state, state.outcome["model"], list(state.stages)) == ("done", "mona/2", ["learning"])


async def test_a_round_that_fails_says_why() -> None:
    rounds = program(FAILING)

    await rounds.start("mona")
    state = await until(rounds, lambda now: now.state != "running")

    assert (state.state, state.words) == ("failed", "no model for mona yet; crawl first")


async def test_a_round_can_be_stopped_and_another_begun() -> None:
    rounds = program(WAITING)
    await rounds.start("mona")
    await until(rounds, lambda now: now.stage == "learning")

    with pytest.raises(RoundRuns, match="mona"):
        await rounds.start("fischl")
    await rounds.stop()
    stopped = rounds.state()
    again = await rounds.start("fischl")
    await rounds.stop()

    assert stopped.state == "failed"
    assert stopped.words == "stopped: nothing was changed: mona/1 stays in force"
    assert not stopped.outcome["activated"]
    assert (again.target, again.started) == ("fischl", 2)


async def test_a_round_that_is_stopped_after_its_model_came_into_force_says_which_holds() -> None:
    rounds = program(WAITING, OLD, NEW)
    await rounds.start("mona")
    await until(rounds, lambda now: now.stage == "learning")

    await rounds.stop()

    stopped = rounds.state()
    assert stopped.words.startswith("stopped: mona/2 is in force; 485 pictures not decided by it yet")
    assert stopped.outcome == {"model": "mona/2", "activated": True}


async def test_a_round_that_fails_after_its_model_came_into_force_says_why_and_which_holds() -> None:
    rounds = program(FAILING, OLD, NEW)

    await rounds.start("mona")
    state = await until(rounds, lambda now: now.state != "running")

    assert state.words.startswith("no model for mona yet; crawl first\nmona/2 is in force; 485 pictures")


async def test_a_program_that_is_not_there_fails_the_round_alone() -> None:
    rounds = RoundProcess(lambda target: ["/nowhere/at/all"], lambda target: OLD)

    assert (await rounds.start("mona")).state == "failed"


DEAF = """
import json, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"stage": "learning", "share": 0.1, "words": ""}), flush=True)
time.sleep(600)
"""


async def test_a_round_that_does_not_end_when_asked_is_killed() -> None:
    rounds = program(DEAF, grace_s=0.05)
    await rounds.start("mona")
    await until(rounds, lambda now: now.stage == "learning")

    await rounds.stop()

    assert (rounds.state().state, rounds.state().outcome["activated"]) == ("failed", False)


async def test_a_round_that_takes_for_ever_is_stopped() -> None:
    rounds = program(WAITING, deadline_s=0.2)

    await rounds.start("mona")
    state = await until(rounds, lambda now: now.state != "running")

    assert state.words.startswith("stopped")
