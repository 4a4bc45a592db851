"""A folder sorted by `crawl classify`, against the seven-layer network with `predict` a picture: speed, memory, kills.

    python -m bench.scoring.classify                            2,000 painted files of 360 pixels
    python -m bench.scoring.classify --files 100000 --side 64   memory
    python -m bench.scoring.classify --runtime openvino         scored by another runtime
    python -m bench.scoring.classify --kills 30                 and killed at random moments, taken back byte for byte

Both sides are measured in one run. The command is the real one, in a process of its own, its start-up included; the
other side is given its files' bytes and needs no start. Before that a short pass leaves compiled modules behind, as an
installation has them. Exit 1 when a goal is missed or a file is lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psutil

from bench.memory import paint_folder
from bench.scoring.pictures import painted
from classifier.inference.runtime import RUNTIMES
from classifier.workers.frames import WorkerFrame
from classifier.workers.process import WorkerProcess
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard
from system.child_process import module_command
from tests.faults import driver
from tests.faults.kills.grounds import REAL
from tests.faults.kills.sorted_folder import SortedFolder, moments, state_of

GOAL = 100  # times the seven-layer network's pictures a second
FIRST_S, MOST_MB = 2.0, 700
_TARGET, _THEIRS = "bench", 12  # pictures of theirs in one measurement
_ENVIRONMENT = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}  # of ours: compiled modules are kept


@dataclass(frozen=True, slots=True)
class Measured:
    """One pass of ours."""

    seconds: float  # of the whole command
    first_s: float  # until the first file was where it belongs
    most_mb: float  # of all its processes together, shared pages counted in each
    decoded_per_s: float  # pictures a second by its own word, without start-up
    cpu_s: float  # processor time of all its processes together, start-up included


def main() -> int:
    """Measure and print."""
    options = _parsed()
    with tempfile.TemporaryDirectory(prefix="bench-classify-") as scratch:
        work = Path(scratch)
        root = made_root(work)
        pictures = work / "pictures"
        _paint(pictures, options.files, options.side)
        reached = asyncio.run(_compare(work, root, pictures, options))
        lost = _kills(work, root, pictures, options) if options.kills else 0
    return 0 if reached and not lost else 1


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--side", type=int, default=360, help="64: small noise, quickly made; 360: painted")
    parser.add_argument("--runtime", choices=RUNTIMES, default="auto", help="what scores on our side")
    parser.add_argument("--kills", type=int, default=0, help="random moments at which a pass is killed")
    parser.add_argument("--kill-files", type=int, default=300, help="files of the folder that is killed")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def made_root(work: Path) -> Path:
    """A gallery with a model of the small network, `bench`, in force."""
    return asyncio.run(_root(work, _made_package(work)))


def _made_package(work: Path) -> Mapping[str, str]:
    """The small network with random weights: arithmetic takes the same time whatever they are."""
    command = [*module_command("bench.scoring.package"), str(work / "package" / "1")]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    facts: Mapping[str, str] = json.loads(made.stdout.splitlines()[-1])
    return facts


async def _root(work: Path, facts: Mapping[str, str]) -> Path:
    """A gallery that knows the package as a model in force."""
    root = work / "root"
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        shutil.copytree(work / "package" / "1", root / "models" / _TARGET / "1")
        card = ModelCard(_TARGET, 1, facts["hash"], facts["backbone_hash"], 0.5)
        await archive.register_model(card, {"round": 0, "tag": _TARGET}, activate=True)
    return root


def _paint(folder: Path, count: int, side: int) -> None:
    if side < 128:
        paint_folder(folder, count)
        return
    folder.mkdir()
    for number in range(0, count, 200):  # of 200 at a time: they are held in memory
        for inner, content in enumerate(painted("360x360 JPEG", min(200, count - number), seed=number)):
            (folder / f"{number + inner:06d}.jpg").write_bytes(content)


async def _compare(work: Path, root: Path, pictures: Path, options: argparse.Namespace) -> bool:
    theirs = WorkerProcess(module_command("bench.scoring.seven_layer"), {"TF_CPP_MIN_LOG_LEVEL": "3"})
    some = await asyncio.to_thread(_some, pictures)
    await theirs.start()
    await theirs.ask(WorkerFrame({"op": "load"}, some[:1]), 600)
    before = await _theirs(theirs, some)
    environment = {**_ENVIRONMENT, "CRAWL_SCORING_RUNTIME": options.runtime}
    _warm_up(work, root, environment)
    folder = SortedFolder(pictures, root, _TARGET, work / "sorted")
    folder.begin()
    ours = await asyncio.to_thread(_measured, folder, options.files, environment)
    after = await _theirs(theirs, some)
    await theirs.kill()
    their_rate, rate = 2 * _THEIRS / (before[0] + after[0]), options.files / ours.seconds
    their_cpu_s, cpu_s = (before[1] + after[1]) / 2 / _THEIRS, ours.cpu_s / options.files
    print(f"{options.files} files: ours {rate:.1f}/s with start-up, {ours.decoded_per_s:.1f}/s without")
    print(f"seven layers, predict a picture: {their_rate:.2f}/s; ratio {rate / their_rate:.0f}x (goal {GOAL}x)")
    print(f"processor time a picture: {cpu_s * 1000:.1f} and {their_cpu_s * 1000:.1f} ms, {their_cpu_s / cpu_s:.0f}x")
    print(f"first file in its place {ours.first_s:.2f} s after start (goal {FIRST_S:g} s)")
    print(f"all processes together: {ours.most_mb:.0f} MB at most (goal {MOST_MB} MB)")
    again = _again(folder)
    print(f"taken back byte for byte: {'yes' if again[0] else 'NO'}; a second pass, nothing decoded: {again[1]:.0f}/s")
    return rate / their_rate >= GOAL and ours.first_s <= FIRST_S and ours.most_mb <= MOST_MB and again[0]


def _warm_up(work: Path, root: Path, environment: Mapping[str, str]) -> None:
    """A pass over a few other pictures."""
    few = work / "other"
    few.mkdir()
    for number, content in enumerate(painted("128x128 JPEG", 8, seed=-1)):
        (few / f"{number}.jpg").write_bytes(content)
    command = ["classify", str(few), "--keep", _TARGET, "--to", str(work / "list"), "--root", str(root), "--quiet"]
    driver.run(command, program=REAL, limit_s=600, environment=environment)


def _some(pictures: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(pictures.rglob("*.jpg"))[:_THEIRS]]


async def _theirs(theirs: WorkerProcess, some: list[bytes]) -> tuple[float, float]:
    """Seconds, and seconds of processor time, that the other side takes for some pictures."""
    reply = await theirs.ask(WorkerFrame({"op": "score"}, some), 600)
    return float(reply.header["seconds"]), float(reply.header["cpu_s"])


def _measured(folder: SortedFolder, count: int, environment: Mapping[str, str]) -> Measured:
    before = _children_s()
    places, started, first, most = (folder.place / "kept", folder.place / "others"), time.perf_counter(), 0.0, 0.0
    with subprocess.Popen([*REAL, *folder.command(), "--json"], stdout=subprocess.PIPE, env=environment) as process:
        parent = psutil.Process(process.pid)
        while process.poll() is None:
            first = first or (time.perf_counter() - started if any(any(one.glob("*.jpg")) for one in places) else 0.0)
            most = max(most, resident_mb(parent))
            time.sleep(0.02 if not first else 0.2)
        seconds, used = time.perf_counter() - started, _children_s() - before
        record = json.loads(process.stdout.read() if process.stdout else b"{}")
    if process.returncode != 0 or record["pictures"] != count:
        raise SystemExit(f"the command ended with {process.returncode}: {record}")
    return Measured(seconds, first, most, record["images_per_second"], used)


def _children_s() -> float:
    """Processor time of all processes that were started from here and have ended, with their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident_mb(parent: psutil.Process) -> float:
    """Memory of a process and all that it started, shared pages counted in each."""
    try:
        return sum(one.memory_info().rss for one in (parent, *parent.children(recursive=True))) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _again(folder: SortedFolder) -> tuple[bool, float]:
    """Take it back, and list it: pictures a second of a pass that decodes nothing."""
    journal = next((folder.place / "kept").glob("moved-*.jsonl"))
    driver.run(["classify", "--undo", str(journal), "--quiet"], program=REAL, limit_s=3600)
    whole = state_of(folder.folder) == folder.before
    where = ["--to", str(folder.place / "list"), "--root", str(folder.root), "--json"]
    ended = driver.run(["classify", str(folder.folder), "--keep", _TARGET, *where], program=REAL, limit_s=3600)
    return whole, json.loads(ended.stdout)["images_per_second"]


def _kills(work: Path, root: Path, pictures: Path, options: argparse.Namespace) -> int:
    """Kill passes over a small folder at random moments; gives how many went wrong."""
    few = work / "few"
    few.mkdir()
    for path in sorted(pictures.rglob("*.jpg"))[: options.kill_files]:
        shutil.copy2(path, few / path.name)
    folder, dice = SortedFolder(few, root, _TARGET, work / "killed"), Random(options.seed)
    whole = folder.whole()
    hits = wrong = 0
    for moment in moments(options.kills, whole, dice):
        killed, troubles = folder.struck(moment, dice)
        hits, wrong = hits + killed, wrong + bool(troubles)
        for trouble in troubles:
            print(f"killed after {moment:.2f} of {whole:.2f} s: {trouble}")
    print(f"{options.kills} random moments of {whole:.1f} s: {hits} killed, {wrong} with trouble (seed {options.seed})")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
