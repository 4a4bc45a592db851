"""The learning process as the main process sees it: start, listen, stop.

It speaks JSON lines; whatever else it prints (network libraries are talkative) is kept only for the error message.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rounds.errors import LearningFailed, TooLittleToLearn

Tell = Callable[[str, float, str], None]  # stage, share of it that is done 0..1, words for people

COMMAND = (sys.executable, "-m", "classifier.learning_worker")
_LINE_LIMIT = 4 * 1024 * 1024  # bytes
_GRACE_S = 5.0  # from closing its input to killing it
_KEPT_NOISE = 2000  # bytes of what it printed last


async def run_learning(
    folder: Path, *, tell: Tell, deadline_s: float, command: tuple[str, ...] = COMMAND
) -> Mapping[str, Any]:
    """Learn what `folder/job.json` asks for; gives what the process says at its end.

    Args:
        folder: with the job and its pictures; packages appear below it.
        tell: progress.
        deadline_s: the process is killed when it takes longer.
        command: the process; the folder is appended.

    Raises:
        TooLittleToLearn: the examples do not suffice.
        LearningFailed: it failed, died, or took too long.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        env=_environment(),
    )
    noise = asyncio.create_task(_last_of(process.stderr))
    try:
        async with asyncio.timeout(deadline_s):
            last = await _listen(process, tell)
            await process.wait()
    except TimeoutError as error:
        raise LearningFailed(f"learning took longer than {deadline_s:.0f} s and was stopped") from error
    finally:
        await _stop(process)
        said = await noise
    return _outcome(last, process.returncode, said)


async def _listen(process: asyncio.subprocess.Process, tell: Tell) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    if process.stdout is None:
        return last
    async for line in process.stdout:
        with contextlib.suppress(ValueError):
            told = json.loads(line)
            if "stage" in told:
                tell(str(told["stage"]), float(told["share"]), str(told["words"]))
            else:
                last = told
    return last


def _outcome(last: Mapping[str, Any], code: int | None, said: str) -> Mapping[str, Any]:
    if "done" in last and code == 0:
        done: Mapping[str, Any] = last["done"]
        return done
    if last.get("error") == "TooFewExamples":
        facts = last.get("facts", {})
        raise TooLittleToLearn(str(last["message"]), str(facts.get("target", "")), facts.get("counts"))
    if "error" in last:
        raise LearningFailed(f"learning failed: {last['message']}")
    raise LearningFailed(f"the learning process ended with {code} and without a word; it printed last: {said!r}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Close its input, which ends it; kill it when that does not help."""
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _last_of(stream: asyncio.StreamReader | None) -> str:
    kept = b""
    while stream is not None and (chunk := await stream.read(65536)):
        kept = (kept + chunk)[-_KEPT_NOISE:]
    return kept.decode(errors="replace").strip()


def _environment() -> dict[str, str]:
    """Ours without the site's credentials, and with a quieter network library."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("CRAWL_")}
    return {**ours, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
