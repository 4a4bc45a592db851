"""`python -m bench.workers.bulk`: a folder of stored pictures, looked at by our dispatcher and by Ray Data.

One cluster of this machine, the same judge on the same number of workers, pictures that wait instead of computing.
Both sides three times: undisturbed, with a worker killed in the middle, and with one worker that takes fifty times as
long. Printed: seconds to the last answer, the dispatcher's without the start of its workers and Ray Data's with it,
what was looked at twice, and memory at the peak; that of one side is told by `--only`. Ray Data reads the files itself
and gets batches of the dispatcher's size; it restarts actors and repeats their tasks as it does unless told otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.workers.memory import Peak, watched_memory
from bench.workers.noted_judge import NotedJudges
from classifier.judge import JudgeSettings
from distributed.cluster import Cluster, ClusterSettings
from distributed.dispatcher import Dispatcher
from distributed.messages import JudgeOrder
from distributed.ray_worker import RayWorkers

WORKERS = 4
BATCH = 16  # pictures
IN_FLIGHT = 192  # pictures, by the dispatcher
BYTES = 30_000  # of a picture
DAWDLES = 50  # times as long
KILLED_AT = 0.4  # of the pictures answered
LIMIT_S = 240.0  # of one run


@dataclass(slots=True)
class Answers:
    """What came back, and when."""

    pictures: int
    judges: NotedJudges
    kill: bool
    started: float = field(default_factory=time.perf_counter)
    times: list[float] = field(default_factory=list)
    found: Counter[int] = field(default_factory=Counter)
    struck: bool = False

    def take(self, scores: Iterable[float]) -> None:
        """Note answers; the worker is killed when it is its time."""
        for score in scores:
            self.found[round(score * 1e9)] += 1
            self.times.append(time.perf_counter() - self.started)
        if self.kill and not self.struck and len(self.times) >= KILLED_AT * self.pictures:
            self.struck = True
            os.kill(random.choice(self.judges.processes()), signal.SIGKILL)

    def words(self, peak: Peak) -> str:
        """One line."""
        looks = self.judges.looks()
        missing = sum(not self.found[one] for one in range(self.pictures))
        double = sum(n > 1 for n in self.found.values())
        if not self.times:
            return f"no answer  {peak.all / 1e6:5.0f} MB"
        first, last = self.times[0], self.times[-1]
        rate = len(self.times) / max(last - first, 1e-9)
        tail = last - self.times[max(0, int(0.9 * len(self.times)) - 1)]
        return (
            f"{last:6.1f} s, the first after {first:5.1f}, the last tenth {tail:5.1f}  {rate:6.1f} /s from then on  "
            f"looked at twice {sum(looks.values()) - len(looks):3d}  unanswered {missing}, answered twice {double}  "
            f"driver {peak.driver / 1e6:4.0f} MB, with the cluster {peak.all / 1e6:5.0f} MB"
        )


async def by_dispatcher(cluster: Cluster, files: list[Path], answers: Answers) -> None:
    """Files are read here and handed out, as `crawl classify` does."""
    async with Dispatcher(RayWorkers(cluster, answers.judges).hire, WORKERS, _complain) as dispatcher:
        await dispatcher.open("bench", JudgeOrder({}, {}, JudgeSettings()))
        room = asyncio.Semaphore(IN_FLIGHT)

        async def look(file: Path) -> None:
            async with room:
                found = await dispatcher.look("bench", await asyncio.to_thread(file.read_bytes))
                answers.take([found.scores["bench"]])

        answers.started = time.perf_counter()
        await asyncio.gather(*map(look, files))


class Actor:
    """A worker of the pipeline."""

    def __init__(self, judges: NotedJudges) -> None:
        self._judge = judges.make()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Scores of a batch."""

        async def looks() -> list[float]:
            return [(await self._judge.look(bytes(one))).scores["bench"] for one in batch["bytes"]]

        return {"score": asyncio.run(looks())}


def by_ray_data(cluster: Cluster, files: list[Path], answers: Answers) -> None:
    """A pipeline of files, batches and actors."""
    import ray.data as data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    answers.started = time.perf_counter()
    looked = data.read_binary_files([str(file) for file in files]).map_batches(
        Actor,
        fn_constructor_args=(answers.judges,),
        batch_size=BATCH,
        compute=data.ActorPoolStrategy(size=WORKERS),
        num_cpus=1,
    )
    for batch in looked.iter_batches(batch_size=None):
        answers.take(batch["score"].tolist())


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


def _files(folder: Path, pictures: int) -> list[Path]:
    for number in range(pictures):
        (folder / f"{number:07d}.jpg").write_bytes(b"%d " % number + b"." * BYTES)
    return sorted(folder.glob("*.jpg"))


async def _run(kind: str, cluster: Cluster, files: list[Path], answers: Answers) -> str:
    """One side once; gives its line."""
    with watched_memory() as peak:
        try:
            async with asyncio.timeout(LIMIT_S):
                if kind == "dispatcher":
                    await by_dispatcher(cluster, files, answers)
                else:
                    await _in_a_thread(by_ray_data, cluster, files, answers)
        except TimeoutError:
            return f"not at its end after {LIMIT_S:g} s: {answers.words(peak)}"
        except Exception as error:  # noqa: BLE001 - how it failed is the measurement
            return f"ended by {type(error).__name__}: {str(error).partition(chr(10))[0][:120]}; {answers.words(peak)}"
    return answers.words(peak)


async def _in_a_thread(work: Any, *arguments: Any) -> None:
    """A call that may never return."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def run() -> None:
        error: BaseException | None = None
        try:
            work(*arguments)
        except BaseException as found:  # noqa: BLE001 - handed on
            error = found
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle, done, error)

    threading.Thread(target=run, daemon=True).start()
    await done


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if not done.done():
        done.set_exception(error) if error is not None else done.set_result(None)


async def _main(pictures: int, picture_s: float, kinds: list[str]) -> None:
    print(f"{pictures} files of {BYTES // 1000} kB, {picture_s * 1000:g} ms each, {WORKERS} workers, "
          f"load {os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bulk-") as folder:
        files = _files(Path(folder), pictures)
        wanted = ClusterSettings(workers=WORKERS, counted_processors=WORKERS + 2)  # two for reading
        async with Cluster(wanted) as cluster:
            for case in ("undisturbed", "one killed", "one dawdles"):
                for kind in kinds:
                    notes = Path(folder) / f"{kind} {case}"
                    notes.mkdir()
                    dawdler_s = picture_s * DAWDLES if case == "one dawdles" else 0.0
                    answers = Answers(pictures, NotedJudges(notes, picture_s, dawdler_s), case == "one killed")
                    line = await _run(kind, cluster, files, answers)
                    print(f"{case:12} {kind:10} {line}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.workers.bulk", description=__doc__)
    parser.add_argument("--pictures", type=int, default=1200)
    parser.add_argument("--ms", type=float, default=20.0, help="that a picture takes")
    parser.add_argument("--only", choices=("dispatcher", "ray-data"), default=None)
    chosen = parser.parse_args()
    sides = [chosen.only] if chosen.only else ["dispatcher", "ray-data"]
    asyncio.run(_main(chosen.pictures, chosen.ms / 1000, sides))
