"""A video watched by `crawl watch`, against every frame decoded and `predict` for each: frames a second, and memory.

    python -m bench.watch                    a minute of 720p, painted, with film's grain; looped to five
    python -m bench.watch --minutes 60 --height 180 --every 0.2     an hour of a small one: whether memory stays flat
    python -m bench.watch --video FILE       a video of yours

*Looks* are frames that were decoded, brought to the network's size and put through it. *Frames that went by* are all
frames of the video, most of which nobody looks at. Both sides are measured in one run; ours is the real command in a
process of its own, in turns with the other. Besides the clock there is the processor time of all its processes,
start-up included, and what two cores make of it that have nothing else to do. Exit 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.samples.painted_video import RATE, VideoPlan, loop, paint_video
from bench.scoring.classify import made_root, resident_mb
from classifier.workers.frames import WorkerFrame
from classifier.workers.process import WorkerProcess
from system.child_process import module_command
from tests.faults.kills.grounds import REAL

GOAL_LOOKS = 30  # a second, on two cores
GROWTH = 1.1  # of memory, from a run's first quarter to its last
_THEIRS = 60  # frames of theirs in one measurement


@dataclass(slots=True)
class Ours:
    """One run of the command."""

    record: dict[str, float]
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, MB of all its processes together
    cpu_s: float = 0.0

    def quarter_mb(self, first: bool) -> float:
        """The most memory in the first or the last quarter of the time."""
        end = self.memory[-1][0]
        part = [mb for at, mb in self.memory if (at <= end / 4 if first else at >= end * 3 / 4)]
        return max(part, default=math.nan)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--video", type=Path, help="instead of a painted one")
    parser.add_argument("--every", type=float, nargs="*", default=[0.2, 0.05], help="seconds between our looks")
    parser.add_argument("--height", type=int, default=720, help="of the painted one, 16:9")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-watch-") as scratch:
        work = Path(scratch)
        root = made_root(work)
        video = options.video or _painted(work, options.minutes, options.height)
        return 0 if asyncio.run(_compare(root, video, options.every)) else 1


def _painted(work: Path, minutes: float, height: int) -> Path:
    once, size = work / "once.mp4", (height * 16 // 9, height)
    truth = paint_video(once, VideoPlan(scenes=14, seed=3, size=size, grain=3.0))
    video = work / "video.mp4"
    seconds = loop(once, video, max(1, math.ceil(minutes * 60 / truth[-1].end_s)))
    rate = video.stat().st_size * 8 / seconds / 1e6
    print(f"{size[0]}x{size[1]}, {RATE} frames a second, {seconds / 60:.1f} minutes, {rate:.1f} Mbit/s, H.264")
    return video


async def _compare(root: Path, video: Path, steps: list[float]) -> bool:
    theirs = WorkerProcess(module_command("bench.watch.frame_by_frame"), {"TF_CPP_MIN_LOG_LEVEL": "3"})
    await theirs.start()
    await theirs.ask(WorkerFrame({"op": "load"}), 600)
    good = True
    print(
        f"{'':<32}{'looks/s':>9}{'frames by/s':>13}{'CPU ms a look':>15}{'looks/s, 2 cores':>18}{'MB first, last':>16}"
    )
    for every_s in steps:
        before = await _theirs(theirs, video)
        ours = await asyncio.to_thread(_ours, root, video, every_s)
        after = await _theirs(theirs, video)
        their_s, their_cpu_s = (before[0] + after[0]) / 2, (before[1] + after[1]) / 2
        looks, seconds = ours.record["looks"], ours.record["seconds"]
        first, last, cpu_s = ours.quarter_mb(True), ours.quarter_mb(False), ours.cpu_s / looks
        went_by = ours.record["duration_s"] * RATE / seconds
        memory = f"{first:.0f}, {last:.0f}"
        name = f"ours, a look every {every_s:g} s"
        print(f"{name:<32}{looks / seconds:9.1f}{went_by:13.0f}{cpu_s * 1000:15.1f}{2 / cpu_s:18.0f}{memory:>16}")
        name = "every frame, predict for each"
        print(f"{name:<32}{1 / their_s:9.1f}{1 / their_s:13.1f}{their_cpu_s * 1000:15.1f}{2 / their_cpu_s:18.0f}")
        print(f"  ratio: {looks / seconds * their_s:.1f}x looks, {went_by * their_s:.0f}x video", flush=True)
        good = good and 2 / cpu_s >= GOAL_LOOKS and last <= GROWTH * first
    await theirs.kill()
    print(f"goals: {GOAL_LOOKS} looks a second on two cores, last quarter's memory at most {GROWTH:g} of the first's")
    return good


async def _theirs(theirs: WorkerProcess, video: Path) -> tuple[float, float]:
    """Seconds, and seconds of processor time, that the other side takes for a frame."""
    reply = await theirs.ask(WorkerFrame({"op": "watch", "video": str(video), "frames": _THEIRS}), 600)
    count = float(reply.header["frames"])
    return float(reply.header["seconds"]) / count, float(reply.header["cpu_s"]) / count


def _ours(root: Path, video: Path, every_s: float) -> Ours:
    words = ["watch", str(video), "--with", "bench", "--every", f"{every_s:g}", "--root", str(root), "--json"]
    memory, used, started = [], {}, time.perf_counter()
    with subprocess.Popen([*REAL, *words], stdout=subprocess.PIPE) as process:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            memory.append((time.perf_counter() - started, resident_mb(parent)))
            used |= _processor_s(parent)
            time.sleep(0.25)
        record = json.loads(process.stdout.read() if process.stdout else b"{}")
    if process.returncode != 0:
        raise SystemExit(f"the command ended with {process.returncode}: {record}")
    return Ours(record, memory, sum(used.values()))


def _processor_s(parent: psutil.Process) -> dict[int, float]:
    """Processor seconds so far, by process."""
    found = {}
    try:
        for one in (parent, *parent.children(recursive=True)):
            times = one.cpu_times()
            found[one.pid] = times.user + times.system
    except psutil.NoSuchProcess:
        pass
    return found


if __name__ == "__main__":
    sys.exit(main())
