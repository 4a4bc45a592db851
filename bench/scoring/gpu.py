"""Pictures a second on a GPU: the device alone, and from encoded bytes against the decoders alone.

    python -m bench.scoring.gpu [--package DIR] [--count N] [--rounds N]

Needs a GPU that Keras' backend sees (TensorFlow with CUDA on Linux). Without one it prints that nothing was measured,
why, and ends well. The network is computed as a crawl computes it there: compiled, in half precision where the model's
check pictures agree, in batches of up to 128. *End to end* is the judge's pictures a second over what its decoders do
while nothing is scored.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np

from bench.scoring.__main__ import made_package
from bench.scoring.pictures import DEFAULT, painted
from classifier.errors import DeviceError
from classifier.inference.backends import GPU_SHAPES, gpu_in_sight
from classifier.inference.batcher import ScorerSettings
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.judge import JudgeSettings, NetworkJudge
from classifier.package.package import Package, load_package
from classifier.pictures.decoder_pool import Decoders
from system.child_process import module_command

_SETTINGS = RuntimeSettings(device="gpu")
_IN_FLIGHT = 512


def device_alone(package: Package, rounds: int) -> float:
    """Median pictures a second of the network alone, its largest batch again and again.

    Raises:
        DeviceError: no GPU can be used.
    """
    runtime, size = choose_runtime([package], _SETTINGS), package.preprocessing.size
    batch = np.random.default_rng(0).integers(0, 256, (runtime.largest, size, size, 3)).astype(np.uint8)
    rates = []
    for _ in range(rounds):
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < 1.0:
            runtime.embed(batch)
            count += len(batch)
        rates.append(count / (time.perf_counter() - started))
    return median(rates)


async def rate(look: Callable[[bytes], Awaitable[object]], pictures: Sequence[bytes], rounds: int) -> float:
    """Median pictures a second of something that takes one at a time, many in flight."""
    rates = []
    for _ in range(rounds):
        started = time.perf_counter()
        await asyncio.gather(*map(look, pictures))
        rates.append(len(pictures) / (time.perf_counter() - started))
    return median(rates)


async def end_to_end(folder: Path, count: int, rounds: int) -> tuple[float, float]:
    """Pictures a second of the whole judge, and of the decoders alone."""
    package, pictures = load_package(folder), painted(DEFAULT, count)
    settings = JudgeSettings(scorer=ScorerSettings(_SETTINGS), in_flight=_IN_FLIGHT)
    async with NetworkJudge({package.target: package.card(1)}, {package.target: folder}, settings) as judge:
        await judge.look(pictures[0])
        whole = await rate(judge.look, pictures, rounds)
    async with Decoders([package.preprocessing], settings.decoders) as decoders:
        return whole, await rate(decoders.decode, pictures, rounds)


def main() -> int:
    """Measure and print, or say why not."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--package", type=Path, help="a model package; default: the small backbone, untrained")
    read.add_argument("--count", type=int, default=2000, help="pictures in a round")
    read.add_argument("--rounds", type=int, default=5)
    read.add_argument("--device-alone", action="store_true", help="measure the network alone, in this process")
    options = read.parse_args()
    if not gpu_in_sight():
        print("not measured: no GPU at hand")
        return 0
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as scratch:
        folder = options.package or made_package(Path(scratch) / "bench" / "1")
        if options.device_alone:
            try:
                alone = device_alone(load_package(folder), options.rounds)
            except DeviceError as error:
                print(f"not measured: {error}")
                return 0
            print(f"device alone: {alone:.0f} pictures/s, up to {GPU_SHAPES[-1]} at a time")
            return 0
        again = ["--package", str(folder), "--rounds", str(options.rounds), "--device-alone"]
        if subprocess.run([*module_command("bench.scoring.gpu"), *again], check=False).returncode:
            return 1  # its own process: the device's memory is free again for the judge
        whole, decoding = asyncio.run(end_to_end(folder, options.count, options.rounds))
    print(f"end to end: {whole / decoding:.2f} of the decoders' limit ({whole:.0f} and {decoding:.0f} pictures/s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
