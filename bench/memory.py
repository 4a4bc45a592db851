"""Memory of the whole program, all its processes together, for small and large galleries.

    python -m bench.memory --posts 1000 --posts 20000

Makes a folder of small pictures, serves it, learns a model once, and crawls the first N posts for every N with that
model in a fresh root. Prints the highest resident size of all processes together, shared pages counted in each, and
where the system tells it, counted once.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tests.equipment.galleries import served
from tests.equipment.roots import root_with_models

CLASSES = ("red", "green", "blue", "grey")
SIDE = 64  # pixels
LIMIT_MB = 2048
SETTLING_S = 3.0  # the first seconds are start-up


def paint_folder(folder: Path, count: int) -> None:
    """Noise with a tint for each class: enough to learn from, cheap to make."""
    random = np.random.default_rng(0)
    for number in range(count):
        name = CLASSES[number % len(CLASSES)]
        picture = random.integers(0, 160, (SIDE, SIDE, 3), dtype=np.uint8)
        if name != "grey":
            picture[..., CLASSES.index(name)] += 95
        path = folder / name / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path, quality=80)


@dataclass(frozen=True, slots=True)
class Used:
    """What a crawl used, all its processes together."""

    peak: float  # MB resident, shared pages counted in each process
    median: float
    once: float  # MB at most, shared pages counted once; 0: the system does not tell
    seconds: float


def crawl(url: str, root: Path, *more: str) -> Used:
    """Run the real command.

    Raises:
        SystemExit: it failed.
    """
    command = [sys.executable, "-m", "commands", "--site", url, "--tag", "noise", "--keep", "red", "--root", str(root)]
    started = time.monotonic()
    with subprocess.Popen([*command, "--quiet", "--json", *more], stdout=subprocess.DEVNULL) as process:
        parent = psutil.Process(process.pid)
        seen: list[tuple[float, float]] = []
        while process.poll() is None:
            resident = _resident(parent)
            if time.monotonic() - started > SETTLING_S:
                seen.append(resident)
            time.sleep(0.2)
    if process.returncode not in (0, 3):
        raise SystemExit(f"the crawl ended with {process.returncode}")
    resident, once = zip(*(seen or [(0.0, 0.0)]), strict=True)
    return Used(max(resident), float(np.median(resident)), max(once), time.monotonic() - started)


def _resident(parent: psutil.Process) -> tuple[float, float]:
    """MB of a process and all that it started: shared pages counted in each, and once."""
    total = once = 0
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        for one in (parent, *parent.children(recursive=True)):
            used = one.memory_full_info()
            total, once = total + used.rss, once + getattr(used, "pss", 0)
    return total / 1_000_000, once / 1_000_000


def main() -> int:
    """Learn once, then crawl the first N posts for every N."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--posts", type=int, action="append")
    sizes = sorted(read.parse_args().posts or [1000, 20000])
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as work:
        folder = Path(work) / "pictures"
        paint_folder(folder, sizes[-1])
        with served(["--from", str(folder), "--tag", "noise", "--hide", "0.4"]) as url:
            trained = Path(work) / "trained"
            learning = crawl(url, trained, "--limit", "1")
            print(f"learning a model first: peak {learning.peak:.0f} MB, {learning.seconds:.0f} s")
            peaks = []
            for posts in sizes:
                root = Path(work) / f"root-{posts}"
                root_with_models(trained, root)
                used = crawl(url, root, "--limit", str(posts))
                peaks.append(used.peak)
                print(
                    f"{posts:7} posts: peak {used.peak:6.0f} MB, median {used.median:6.0f} MB, "
                    f"shared pages once {used.once:6.0f} MB, {posts / used.seconds:6.0f} posts/s"
                )
    growth = peaks[-1] / peaks[0] - 1
    print(f"growth of the peak from {sizes[0]} to {sizes[-1]} posts: {growth:+.1%} (goal within 5 %)")
    print(f"highest peak: {max([learning.peak, *peaks]):.0f} MB (goal at most {LIMIT_MB} MB)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
