"""A round in a process of its own, watched through the lines of JSON that it prints; one at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from review.errors import RoundRuns
from review.service import RoundState
from rounds.target_state import TargetState
from storage.errors import StorageError
from system.child_process import ChildLostError, ChildOptions, ChildProcess

_DEADLINE_S = 24 * 3600.0  # of a round; its parts have shorter ones
_GRACE_S = 10.0  # between the request to stop and the kill
_STOPPED = frozenset({-15, -9, 143, 130})  # exit codes of a round that was asked to end, or was ended
_KEPT_ERRORS = 4000  # bytes at the end of standard error

CommandFor = Callable[[str], Sequence[str]]  # target -> the command that does a round for it
Ask = Callable[[str], TargetState]  # target -> which model is in force, and what it has yet to decide


class RoundProcess:
    """Starts rounds and watches them.

    A round that is stopped or killed leaves either the old or the new model in force; the gallery records which.
    """

    def __init__(
        self,
        command_for: CommandFor,
        ask: Ask,
        settings: Mapping[str, str] | None = None,
        *,
        deadline_s: float = _DEADLINE_S,
        grace_s: float = _GRACE_S,
    ) -> None:
        """Name the command.

        Args:
            command_for: gives the command that runs a round for a target.
            ask: reads the state of a target: its model in force, and what has yet to be decided.
            settings: environment variables that the round needs besides what every child gets.
            deadline_s: how long a round may take.
            grace_s: from asking it to end to killing it.
        """
        self._deadline_s, self._grace_s = deadline_s, grace_s
        self._command_for = command_for
        self._ask = ask
        self._options = ChildOptions(settings or {}, reads=False, keeps_errors=True)
        self._before: str | None = None  # the model in force when the round began
        self._child: ChildProcess | None = None
        self._watching: asyncio.Task[None] | None = None
        self._state = RoundState()

    def state(self) -> RoundState:
        """Its progress."""
        return self._state

    async def start(self, target: str) -> RoundState:
        """Begin a round.

        Raises:
            RoundRuns: one is running.
        """
        if self._state.state == "running":
            raise RoundRuns(f"a round for {self._state.target} is already running; wait for it or stop it")
        self._state = RoundState(target=target, state="running", stage="starting", started=self._state.started + 1)
        try:
            self._before = (await asyncio.to_thread(self._ask, target)).model
            self._child = await ChildProcess.start(self._command_for(target), self._options)
        except (ChildLostError, StorageError) as error:
            self._state = replace(self._state, state="failed", words=f"the round could not be started: {error}")
            return self._state
        self._watching = asyncio.create_task(self._watch(self._child))
        return self._state

    async def stop(self) -> None:
        """End a running round; a model that it has activated stays in force."""
        if self._child is not None and self._child.running:
            await self._child.stop(self._grace_s)
        if self._watching is not None:
            await self._watching
            self._watching = None

    async def _watch(self, child: ChildProcess) -> None:
        standard_error = asyncio.create_task(child.last_words(_KEPT_ERRORS))
        done: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(self._deadline_s):
                async for line in child.lines():
                    report = _object(line)
                    if "stage" in report:
                        self._note_progress(report)
                    elif isinstance(report.get("done"), dict):
                        done = report["done"]
                code = await child.wait()
        except TimeoutError:
            code = await child.stop(self._grace_s)
        errors = await standard_error
        if code == 0:
            self._state = replace(self._state, state="done", share=1.0, outcome=done, words=errors)
        else:
            await self._ended_early(code, errors)

    async def _ended_early(self, code: int, errors: str) -> None:
        """Add the state of the target, read from the gallery: the round may have been killed before it reported one."""
        why = "stopped" if code in _STOPPED else errors or f"it ended with exit code {code}"
        try:
            now = await asyncio.to_thread(self._ask, self._state.target)
        except StorageError as error:
            self._state = replace(
                self._state, state="failed", words=f"{why}; which model is in force is unknown: {error}"
            )
            return
        changed, state = now.model != self._before, now.since(self._before)
        if code in _STOPPED or (changed and state not in why):
            why = f"{why}: {state}" if code in _STOPPED else f"{why}\n{state}"
        outcome = {"model": now.model, "activated": changed}
        self._state = replace(self._state, state="failed", words=why, outcome=outcome)

    def _note_progress(self, report: Mapping[str, Any]) -> None:
        stage, share = str(report["stage"])[:60], report.get("share")
        stages = self._state.stages if stage in self._state.stages else (*self._state.stages, stage)
        share = min(max(float(share), 0.0), 1.0) if isinstance(share, int | float) else 0.0
        words = str(report.get("words", ""))[:500]
        self._state = replace(self._state, stage=stage, share=share, words=words, stages=stages)


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}
