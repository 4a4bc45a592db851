"""A crawl's processor seconds a post, everything included: this build against an older one.

    python -m bench.processor [--before COMMIT|DIR] [--posts N] [--rounds N] [--network NAME] [--minutes M]

Each build learns a first model of the painted gallery with its own code, the same network and budget; then both crawl
the same posts in turns, each time in a fresh copy of its gallery, with all other settings as that build has them. What
counts is the processor time of the command and of every process that it starts, not that of the server: other work on
the machine changes it little. `--before` is a commit of this repository, checked out beside it, or a checkout; by
default the build that the goal speaks of.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.all.measure import ROOT
from bench.samples.demo_material import TAG, TARGET, DemoMaterial
from bench.samples.revision import tree_of
from tests.equipment.galleries import served

GOAL = 0.5  # of the older build's time
BEFORE = "a0fef56"  # 2026-11-29
_FINISHED = (0, 3, 13)  # 13: after so little learning the model may not decide; it looked at every post all the same


@dataclass(slots=True)
class Build:
    """A build of the program, and what it needed a post, round by round."""

    name: str
    tree: Path
    milliseconds: list[float] = field(default_factory=list)
    record: Mapping[str, object] = field(default_factory=dict)  # of its last crawl

    def crawl(self, url: str, root: Path, settings: Mapping[str, str], *more: str) -> float:
        """Run the build's own command; gives the processor seconds of it and of all that it started.

        Raises:
            SystemExit: it failed.
        """
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CRAWL_")}
        environment = {**ours, **settings, "PYTHONPATH": str(self.tree)}
        words = ["--site", url, "--tag", TAG, "--keep", TARGET, "--root", str(root), "--json", "--quiet", *more]
        before = _children_s()
        done = subprocess.run(
            [sys.executable, "-m", "commands", *words],
            cwd=self.tree,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode not in _FINISHED:
            raise SystemExit(f"{self.name}: the crawl ended with {done.returncode}")
        self.record = json.loads(done.stdout)
        return _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def learned(builds: Sequence[Build], url: str, work: Path, options: argparse.Namespace) -> None:
    """Let each build learn its first model; what it needs for that does not count."""
    settings = {"CRAWL_ROUND_ZERO_NETWORK": options.network, "CRAWL_ROUND_ZERO_MINUTES": options.minutes}
    for build in builds:
        build.crawl(url, work / build.name, settings, "--limit", "1")


def raced(builds: Sequence[Build], url: str, work: Path, rounds: int) -> None:
    """Let the builds crawl in turns."""
    for turn in range(rounds):
        for build in builds:
            root = work / f"{build.name}-{turn}"
            shutil.copytree(work / build.name, root)
            seconds = build.crawl(url, root, {})
            build.milliseconds.append(1000 * seconds / max(1, int(str(build.record["listed"]))))
            shutil.rmtree(root)
            print(f"round {turn + 1}, {build.name}: {build.milliseconds[-1]:.1f} ms a post", file=sys.stderr)


def main() -> int:
    """Measure and print."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--before", default=BEFORE, help="the older build")
    read.add_argument("--posts", default="400")
    read.add_argument("--rounds", type=int, default=3)
    read.add_argument("--network", default="small", help="that both learn, by name")
    read.add_argument("--minutes", default="1", help="that learning may take")
    read.add_argument("--material", type=Path, help="where painted posts are kept, see bench.samples.demo_material")
    options = read.parse_args()
    gallery = ["--posts", options.posts]
    if options.material is not None:
        gallery += ["--cache", str(DemoMaterial(options.material).cache)]
    with (
        tempfile.TemporaryDirectory(prefix="bench-processor-") as scratch,
        tree_of(options.before) as older,
        served(gallery) as url,
    ):
        builds = [Build("before", older), Build("this build", ROOT)]
        learned(builds, url, Path(scratch), options)
        raced(builds, url, Path(scratch), options.rounds)
    for build in builds:
        low, high = min(build.milliseconds), max(build.milliseconds)
        listed, kept = build.record["listed"], build.record["kept"]
        print(
            f"{build.name}: {median(build.milliseconds):.1f} ms of a processor a post ({low:.1f} to {high:.1f}), "
            f"{listed} posts, {kept} kept"
        )
    before, now = (median(build.milliseconds) for build in builds)
    print(f"processor time a post: {now:.1f} ms against {before:.1f} ms, {now / before:.2f} of it (goal <= {GOAL})")
    return 0 if now <= GOAL * before else 1


if __name__ == "__main__":
    raise SystemExit(main())
