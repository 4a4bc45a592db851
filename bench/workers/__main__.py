"""`python -m bench.workers`: 1, 2 and 4 Ray workers at pictures that take a stated time, and one of four killed.

The pictures wait instead of computing, so that the workers do not take each other's processor: what is measured is
how well the dispatcher keeps them busy, which is what more machines would show. Every run looks at the same pictures
through the same protocol as a crawl, as many at a time as `crawl classify` has under way for each two workers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass

import psutil

from bench.workers.slow_judge import SlowJudges
from classifier.judge import JudgeSettings
from distributed.cluster import Cluster, ClusterSettings
from distributed.dispatcher import Dispatcher
from distributed.messages import JudgeOrder
from distributed.ray_worker import RayWorkers

WORKERS = (1, 2, 4)
IN_FLIGHT = 96  # pictures, for each two workers
BYTES = 30_000  # of a picture: a small rendition
GOAL = 0.9  # of linear


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run."""

    seconds: float
    answers: Counter[int]  # number of a picture -> how often it was answered
    losses: int

    def faults(self, pictures: int) -> tuple[int, int]:
        """Pictures that were lost, and that were answered twice."""
        return sum(not self.answers[one] for one in range(pictures)), sum(n > 1 for n in self.answers.values())


async def measured(cluster: Cluster, workers: int, pictures: int, picture_s: float, *, kill: bool = False) -> Outcome:
    """Look at every picture once; with `kill` a worker is killed at a random moment of the middle of the run."""
    hiring = RayWorkers(cluster, SlowJudges(picture_s))
    async with Dispatcher(hiring.hire, workers, _complain) as dispatcher:
        await dispatcher.open("bench", JudgeOrder({}, {}, JudgeSettings()))
        answers: Counter[int] = Counter()
        room = asyncio.Semaphore(IN_FLIGHT * max(1, workers // 2))

        async def look(number: int) -> None:
            async with room:
                found = await dispatcher.look("bench", b"%d " % number + b"." * BYTES)
                answers[round(found.scores["bench"] * 1e9)] += 1

        started = time.perf_counter()
        looks = [asyncio.create_task(look(number)) for number in range(pictures)]
        if kill:
            await asyncio.sleep(pictures * picture_s / workers * random.uniform(0.3, 0.6))
            os.kill(random.choice(_workers()), signal.SIGKILL)
        await asyncio.gather(*looks)
        return Outcome(time.perf_counter() - started, answers, dispatcher.losses)


def _workers() -> list[int]:
    found = [one.pid for one in psutil.process_iter() if " ".join(one.cmdline()).startswith("ray::PictureWorker")]
    if not found:
        raise SystemExit("no worker is to be seen among the processes")
    return found


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


async def _main(pictures: int, picture_s: float) -> bool:
    print(f"{pictures} pictures of {picture_s * 1000:g} ms and {BYTES // 1000} kB, load {os.getloadavg()[0]:.1f}")
    async with Cluster(ClusterSettings(workers=max(WORKERS), counted_processors=max(WORKERS))) as cluster:
        good, alone = True, 0.0
        for workers in WORKERS:
            found = await measured(cluster, workers, pictures, picture_s)
            alone = alone or found.seconds
            share = alone / found.seconds / workers
            lost, twice = found.faults(pictures)
            good = good and share >= GOAL and not (lost or twice)
            print(
                f"{workers} workers  {found.seconds:7.2f} s  {pictures / found.seconds:7.1f} /s  "
                f"{alone / found.seconds:5.2f}x  {share:6.1%} of linear (goal {GOAL:.0%})  lost {lost}, twice {twice}"
            )
        struck = await measured(cluster, max(WORKERS), pictures, picture_s, kill=True)
        lost, twice = struck.faults(pictures)
        print(
            f"{max(WORKERS)} workers, one killed  {struck.seconds:7.2f} s  workers lost {struck.losses}  "
            f"pictures lost {lost}, twice {twice} (goal 0, 0)"
        )
        return good and struck.losses == 1 and not (lost or twice)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.workers", description=__doc__)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--ms", type=float, default=50.0, help="that a picture takes")
    chosen = parser.parse_args()
    sys.exit(0 if asyncio.run(_main(chosen.pictures, chosen.ms / 1000)) else 1)
