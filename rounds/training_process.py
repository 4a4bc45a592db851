"""The training process as the main process sees it: start it, read its progress, stop it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from classifier.progress import ProgressCallback
from classifier.workers.job_process import run_job
from rounds.errors import LearningFailed, TooLittleToLearn
from system.child_process import DOWNLOADS, ChildLostError, ChildOptions, allowed, module_command

COMMAND = module_command("classifier.training.worker")


async def run_learning(
    folder: Path,
    *,
    report: ProgressCallback,
    deadline_s: float | None,
    command: tuple[str, ...] = COMMAND,
    niceness: int = 0,
) -> Mapping[str, Any]:
    """Learn what `folder/job.json` asks for; gives the result that the process prints at its end.

    Args:
        folder: with the job and its pictures; packages appear below it.
        report: progress.
        deadline_s: the process is killed when it takes longer; None: it may take as long as it likes.
        command: the process; the folder is appended.
        niceness: 0..19: scheduling priority of the process, as in `os.nice`.

    Raises:
        TooLittleToLearn: the examples do not suffice.
        LearningFailed: it failed, died, or took too long.
    """
    extra = {**allowed(DOWNLOADS), "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
    options = ChildOptions(extra, keeps_errors=True, niceness=niceness)
    try:
        end = await run_job((*command, str(folder)), options, report, deadline_s)
    except ChildLostError as error:
        raise LearningFailed(f"learning failed: {error}") from error
    except TimeoutError as error:
        raise LearningFailed(f"learning took longer than {deadline_s:.0f} s and was stopped") from error
    return _outcome(end.last, end.code, end.output)


def _outcome(last: Mapping[str, Any], code: int | None, output: str) -> Mapping[str, Any]:
    if "done" in last and code == 0:
        done: Mapping[str, Any] = last["done"]
        return done
    if last.get("error") == "TooFewExamples":
        facts = last.get("facts", {})
        raise TooLittleToLearn(str(last["message"]), str(facts.get("target", "")), facts.get("counts"))
    if "error" in last:
        raise LearningFailed(f"learning failed: {last['message']}")
    raise LearningFailed(
        f"the training process ended with exit code {code} and no message; its last output: {output!r}"
    )
