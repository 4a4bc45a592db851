"""A worker of this wing as the main process sees it: start it, read its progress, stop it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from classifier import errors
from classifier.errors import DeviceError
from classifier.progress import ProgressCallback
from system.child_process import ChildLostError, ChildOptions, ChildProcess

_GRACE_S = 5.0  # from asking it to end to killing it
_KEPT_NOISE = 2000  # bytes of what libraries printed last
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
        child = await ChildProcess.start(command, ChildOptions(_ENVIRONMENT, keeps_errors=True))
    except ChildLostError as error:
        raise DeviceError(str(error)) from error
    noise = asyncio.create_task(child.last_words(_KEPT_NOISE))
    try:
        async with asyncio.timeout(deadline_s):
            last = await _listen(child, report)
            await child.wait()
    except TimeoutError as error:
        raise DeviceError(f"the worker took longer than {deadline_s:.0f} s and was stopped") from error
    finally:
        code = await child.stop(_GRACE_S)
        output = await noise
    if "error" in last:
        raise getattr(errors, str(last["error"]), DeviceError)(str(last["message"]))
    if "done" not in last:
        raise DeviceError(f"the worker ended with exit code {code} and no message; its last output: {output!r}")
    done: Mapping[str, Any] = last["done"]
    return done


async def _listen(child: ChildProcess, report: ProgressCallback) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    async for line in child.lines():
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if "stage" in message:
                report(str(message["stage"]), float(message["share"]), str(message["words"]))
            else:
                last = message
    return last
