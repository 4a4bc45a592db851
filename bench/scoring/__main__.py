"""Pictures a second from encoded bytes to score: our judge against a seven-layer network fed one at a time.

    python -m bench.scoring [--pictures DIR] [--rounds N] [--runtime NAME] [--device NAME] [--package DIR] [--table]

Both sides are measured in one run in turns, so that a noisy machine does not matter; medians and their ratio count.
Without `--pictures` it paints its own, in the sizes that sites serve. The row *by default* is what a crawl does by its
default settings: every picture by its small rendition, and the share that leaves a doubt by the larger one too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.scoring.pictures import DEFAULT, KINDS, LARGER, from_folder, painted
from classifier.inference.batcher import ScorerSettings
from classifier.inference.runtime import DEVICES, RUNTIMES, RuntimeSettings
from classifier.judge import JudgeSettings, NetworkJudge
from classifier.package.package import load_package
from classifier.pictures.decoder_pool import DecoderSettings
from classifier.workers.frames import WorkerFrame
from classifier.workers.process import WorkerProcess
from storage.records import ModelCard
from system.child_process import module_command

GOAL = 200  # times the seven-layer network, by default settings
BY_DEFAULT = "by default"
DOUBTFUL = 0.1  # share of pictures that are looked at twice; 3 to 17 % were, by `bench.cascade` and in crawls


@dataclass(frozen=True)
class Round:
    """Pictures a second of both sides, and how busy our parts were."""

    ours: float
    theirs: float
    device_share: float
    worst_lag_s: float


def main() -> None:
    """Measure and print."""
    options = _parsed()
    with tempfile.TemporaryDirectory(prefix="bench-scoring-") as scratch:
        package = options.package or made_package(Path(scratch) / "bench" / "1")
        if options.table:
            subprocess.run([*module_command("bench.scoring.runtimes"), str(package)], check=True, env=_environment())
            return
        sources = {str(options.pictures): from_folder(options.pictures, options.count)} if options.pictures else {}
        for kind in () if options.pictures else KINDS:
            sources[kind] = painted(kind, options.count)
        ratios = asyncio.run(_compare(package, sources, options))
    sys.exit(0 if ratios.get(BY_DEFAULT, min(ratios.values())) >= GOAL else 1)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="measure on the pictures below this folder")
    parser.add_argument("--count", type=int, default=400, help="pictures in a round of ours (default 400)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--decoders", type=int, default=0)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--package", type=Path, help="a model package; default: the small backbone, untrained")
    parser.add_argument("--table", action="store_true", help="compare runtimes on the same network instead")
    return parser.parse_args()


def made_package(folder: Path) -> Path:
    """Write the untrained `small` backbone as a package at a folder; gives the folder."""
    command = [*module_command("bench.scoring.package"), str(folder)]
    made = subprocess.run(command, check=True, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    facts = json.loads(made.stdout.splitlines()[-1])
    print(f"network: small, {facts['parameters'] / 1e6:.2f} M parameters")
    return folder


def _environment() -> dict[str, str]:
    search = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": search, "TF_CPP_MIN_LOG_LEVEL": "3"}


async def _compare(folder: Path, sources: dict[str, list[bytes]], options: argparse.Namespace) -> dict[str, float]:
    package = load_package(folder)
    card = ModelCard("bench", 1, package.hash, package.backbone_hash, package.threshold)
    decoders = DecoderSettings(processes=options.decoders) if options.decoders else DecoderSettings()
    runtime = RuntimeSettings(options.device, options.runtime, options.threads)
    settings = JudgeSettings(decoders, ScorerSettings(runtime, batch_size=options.batch), in_flight=128)
    theirs = WorkerProcess(module_command("bench.scoring.seven_layer"), {"TF_CPP_MIN_LOG_LEVEL": "3"})
    await theirs.start()
    first = next(iter(sources.values()))
    facts = await theirs.ask(WorkerFrame({"op": "load"}, first[:1]), 300)
    print(
        f"against: seven layers, {facts.header['parameters'] / 1e6:.0f} M, Keras predict on {facts.header['backend']}"
    )
    started = time.perf_counter()
    async with NetworkJudge({"bench": card}, {"bench": folder}, settings) as judge:
        await judge.look(first[0])
        stats = judge.stats()
        print(f"ours: {stats.runtime} on {stats.device}; first score {time.perf_counter() - started:.2f} s after start")
        print(f"{'pictures':<16}{'ours/s':>9}{'theirs/s':>10}{'ratio':>8}{'device busy':>13}{'worst lag':>11}")
        ratios = {}
        for name, pictures in {**sources, **_by_default(sources)}.items():
            rounds = [await _round(judge, theirs, pictures) for _ in range(options.rounds)]
            ours, other = median(each.ours for each in rounds), median(each.theirs for each in rounds)
            ratios[name] = ours / other
            busy, lag = median(each.device_share for each in rounds), max(each.worst_lag_s for each in rounds)
            print(f"{name:<16}{ours:9.0f}{other:10.2f}{ours / other:7.0f}x{busy:12.0%}{lag * 1000:8.0f} ms", flush=True)
    await theirs.kill()
    print(f"goal by default settings: {GOAL}x; worst kind here: {min(ratios.values()):.0f}x")
    return ratios


def _by_default(sources: Mapping[str, Sequence[bytes]]) -> dict[str, Twice]:
    """What default settings look at, where both renditions are among the sources."""
    if DEFAULT not in sources or LARGER not in sources:
        return {}
    small, large = sources[DEFAULT], sources[LARGER]
    return {BY_DEFAULT: Twice([*small, *large[: round(DOUBTFUL * len(small))]], len(small))}


class Twice(list[bytes]):
    """Renditions of fewer pictures than there are renditions."""

    def __init__(self, renditions: Sequence[bytes], pictures: int) -> None:
        super().__init__(renditions)
        self.pictures = pictures


async def _round(judge: NetworkJudge, theirs: WorkerProcess, pictures: Sequence[bytes]) -> Round:
    reply = await theirs.ask(WorkerFrame({"op": "score"}, pictures[:8]), 300)
    count = pictures.pictures if isinstance(pictures, Twice) else len(pictures)
    before, started = judge.stats().device_busy_s, time.perf_counter()
    watch = asyncio.create_task(_worst_lag())
    looks = await asyncio.gather(*map(judge.look, pictures))
    seconds = time.perf_counter() - started
    watch.cancel()
    lag = (await asyncio.gather(watch, return_exceptions=True))[0]
    faults = {look.fault for look in looks} - {None}
    if faults:
        print(f"  some pictures could not be scored: {faults}")
    busy = (judge.stats().device_busy_s - before) / seconds
    return Round(count / seconds, 8 / reply.header["seconds"], busy, lag if isinstance(lag, float) else 0.0)


async def _worst_lag() -> float:
    """The longest delay of the event loop, in seconds; runs until cancelled."""
    worst = 0.0
    try:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, time.perf_counter() - before - 0.005)
    except asyncio.CancelledError:
        return worst


if __name__ == "__main__":
    main()
