"""A worker of this wing as the main process sees it: start it, read its progress, stop it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from classifier import errors
from classifier.errors import DeviceError
from classifier.progress import ProgressCallback
from classifier.workers.job_process import run_job
from system.child_process import ChildLostError, ChildOptions

_ENVIRONMENT = {  # converters are TensorFlow's, and need no GPU
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONUNBUFFERED": "1",
}


async def run_worker(command: tuple[str, ...], report: ProgressCallback, deadline_s: float) -> Mapping[str, Any]:
    """Run a worker that prints lines of JSON to its end; gives what it says that it has done.

    Args:
        command: from `module_command`.
        report: takes its progress.
        deadline_s: it is killed when it takes longer.

    Raises:
        ClassifierError: it says why it failed; DeviceError where it died or took too long.
    """
    try:
        end = await run_job(command, ChildOptions(_ENVIRONMENT, keeps_errors=True), report, deadline_s)
    except ChildLostError as error:
        raise DeviceError(str(error)) from error
    except TimeoutError as error:
        raise DeviceError(f"the worker took longer than {deadline_s:.0f} s and was stopped") from error
    last = end.last
    if "error" in last:
        raise getattr(errors, str(last["error"]), DeviceError)(str(last["message"]))
    if "done" not in last:
        raise DeviceError(f"the worker ended with exit code {end.code} and no message; its last output: {end.output!r}")
    done: Mapping[str, Any] = last["done"]
    return done
