"""From the ONNX file to a TensorRT engine, by NVIDIA's own tool, where there is one and a GPU to build for.

An engine is built for one GPU and one version of TensorRT; so what travels is the ONNX file, and the command to build
the engine where it is to score.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.deployment.scoring_network import PICTURES
from system.child_process import ChildLostError, run

ENGINE, ONNX_FILE, TOOL = "model.engine", "model.onnx", "trtexec"
MOST_BATCH = 32  # pictures that the engine takes at once
_DEADLINE_S = 1800.0
_DRIVER = Path("/dev/nvidiactl")


def engine_arguments(size: int) -> Sequence[str]:
    """What `trtexec` is called with, in the export's folder."""
    shapes = {"min": 1, "opt": MOST_BATCH // 4, "max": MOST_BATCH}
    sizes = [f"--{name}Shapes={PICTURES}:{count}x{size}x{size}x3" for name, count in shapes.items()]
    return (f"--onnx={ONNX_FILE}", f"--saveEngine={ENGINE}", *sizes)


@dataclass(frozen=True, slots=True)
class EngineBuilder:
    """What this machine has to build engines with."""

    tool: str | None  # `trtexec`; None: it is not installed
    gpu: bool

    @classmethod
    def of_this_machine(cls) -> EngineBuilder:
        """What is there."""
        return cls(shutil.which(TOOL), _DRIVER.exists())

    async def build(self, folder: Path, size: int) -> str:
        """Build an engine beside the ONNX file; gives why there is none, or "".

        Args:
            folder: with the ONNX file.
            size: of the pictures, pixels of both sides.
        """
        missing = ["an NVIDIA GPU"] * (not self.gpu) + [f"NVIDIA's {TOOL}"] * (self.tool is None)
        if missing or self.tool is None:
            return f"this machine lacks {' and '.join(missing)}"
        arguments = [
            one.replace(ONNX_FILE, str(folder / ONNX_FILE)).replace(ENGINE, str(folder / ENGINE))
            for one in engine_arguments(size)
        ]
        try:
            done = await asyncio.to_thread(run, (self.tool, *arguments), _DEADLINE_S)
        except ChildLostError as error:
            return f"{TOOL}: {error}"
        if done.code == 0 and (folder / ENGINE).exists():
            return ""
        (folder / ENGINE).unlink(missing_ok=True)
        return f"{TOOL} ended with {done.code}: {done.errors.decode(errors='replace').strip()[-300:]}"
