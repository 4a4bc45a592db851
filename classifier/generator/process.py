"""The generator's process as the main process sees it: start it, read its progress, stop it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classifier import errors
from classifier.errors import DeviceError
from classifier.progress import ProgressCallback
from classifier.workers.job_process import run_job
from system.child_process import ChildLostError, ChildOptions, module_command

COMMAND = module_command("classifier.generator.worker")
_ENVIRONMENT = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}


async def run_generator(
    words: tuple[str, ...], report: ProgressCallback, command: tuple[str, ...] = COMMAND, niceness: int = 0
) -> Mapping[str, Any]:
    """Run it to its end, however long that takes; gives what it says that it has done.

    Args:
        words: what is asked for: `train FOLDER`, `paint ORDER`.
        report: takes its progress.
        command: the process.
        niceness: 0..19.

    Raises:
        ClassifierError: it says why it failed; DeviceError where it died.
        OSError: the disk refuses.
    """
    options = ChildOptions(_ENVIRONMENT, keeps_errors=True, niceness=niceness)
    try:
        end = await run_job((*command, *words), options, report, None)
    except ChildLostError as error:
        raise DeviceError(str(error)) from error
    if "error" in end.last:
        if end.last["error"] == "OSError":
            raise OSError(str(end.last["message"]))
        raise getattr(errors, str(end.last["error"]), DeviceError)(str(end.last["message"]))
    if "done" not in end.last:
        raise DeviceError(
            f"the generator's process ended with exit code {end.code} and no message; its last output: {end.output!r}"
        )
    done: Mapping[str, Any] = end.last["done"]
    return done
