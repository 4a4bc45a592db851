"""A round in a process of its own, watched through the lines of JSON that it prints; one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from review.desk import RoundState
from review.errors import RoundRuns
from rounds.standing import Standing
from storage.errors import StorageError

_LINE_LIMIT = 4 * 1024 * 1024  # bytes
_GRACE_S = 10.0  # from asking it to end to ending it
_STOPPED = frozenset({-15, -9, 143, 130})  # exit codes of a round that was asked to end, or was ended
_KEPT_NOISE = 4000  # characters of what it said last on standard error

CommandFor = Callable[[str], Sequence[str]]  # target -> the command that does a round for it
Ask = Callable[[str], Standing]  # target -> which model is in force, and what it has yet to decide


class RoundProcess:
    """Starts rounds and watches them.

    A round that is stopped or dies leaves the old model in force, or the new one: which, the gallery says.
    """

    def __init__(self, command_for: CommandFor, ask: Ask, environment: Mapping[str, str] | None = None) -> None:
        self._command_for = command_for
        self._ask = ask
        self._environment = environment
        self._before: str | None = None  # the model in force when the round began
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._state = RoundState()

    def state(self) -> RoundState:
        """As far as it has come."""
        return self._state

    async def start(self, target: str) -> RoundState:
        """Begin a round.

        Raises:
            RoundRuns: one is at work.
        """
        if self._state.state == "running":
            raise RoundRuns(f"a round for {self._state.target} is at work; wait for it, or stop it")
        self._state = RoundState(target=target, state="running", stage="starting", started=self._state.started + 1)
        try:
            self._before = (await asyncio.to_thread(self._ask, target)).model
            self._process = await asyncio.create_subprocess_exec(
                *self._command_for(target),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_LINE_LIMIT,
                env=None if self._environment is None else dict(self._environment),
                start_new_session=True,  # the page's Ctrl-C ends it through `stop`, in order
            )
        except (OSError, StorageError) as error:
            self._state = replace(self._state, state="failed", words=f"the round could not be started: {error}")
            return self._state
        self._watching = asyncio.create_task(self._watch(self._process))
        return self._state

    async def stop(self) -> None:
        """End a round that is at work; what it put in force already stays."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                async with asyncio.timeout(_GRACE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._watching is not None:
            await self._watching
            self._watching = None

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        noise = asyncio.create_task(_last_words(process.stderr))
        done: Mapping[str, Any] = {}
        async for line in _lines(process.stdout):
            told = _object(line)
            if "stage" in told:
                self._hear(told)
            elif isinstance(told.get("done"), dict):
                done = told["done"]
        code = await process.wait()
        said = await noise
        if code == 0:
            self._state = replace(self._state, state="done", share=1.0, outcome=done, words=said)
        else:
            await self._ended_early(code, said)

    async def _ended_early(self, code: int, said: str) -> None:
        """Say what stands: the gallery is asked, as the round may have been killed in the middle of a word."""
        why = "stopped" if code in _STOPPED else said or f"it ended with {code}"
        try:
            now = await asyncio.to_thread(self._ask, self._state.target)
        except StorageError as error:
            self._state = replace(
                self._state, state="failed", words=f"{why}; which model is in force is unknown: {error}"
            )
            return
        changed, stands = now.model != self._before, now.since(self._before)
        if code in _STOPPED or (changed and stands not in why):
            why = f"{why}: {stands}" if code in _STOPPED else f"{why}\n{stands}"
        outcome = {"model": now.model, "activated": changed}
        self._state = replace(self._state, state="failed", words=why, outcome=outcome)

    def _hear(self, told: Mapping[str, Any]) -> None:
        stage, share = str(told["stage"])[:60], told.get("share")
        stages = self._state.stages if stage in self._state.stages else (*self._state.stages, stage)
        share = min(max(float(share), 0.0), 1.0) if isinstance(share, int | float) else 0.0
        words = str(told.get("words", ""))[:500]
        self._state = replace(self._state, stage=stage, share=share, words=words, stages=stages)


async def _lines(stream: asyncio.StreamReader | None) -> Any:
    while stream is not None and (line := await _line(stream)):
        yield line


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:  # longer than any line that we read: it is passed over
        return b"\n"


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


async def _last_words(stream: asyncio.StreamReader | None) -> str:
    kept = ""
    while stream is not None and (chunk := await stream.read(65536)):
        kept = (kept + chunk.decode(errors="replace"))[-_KEPT_NOISE:]
    return kept.strip()
