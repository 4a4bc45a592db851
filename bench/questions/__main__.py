"""How long questions take in a large gallery, by an older program and by this one: `python -m bench.questions`.

    python -m bench.questions [--posts 100000 1000000] [--root DIR] [--before REVISION | --before none]
    python -m bench.questions --filing [--rounds 5] [--before REVISION]

Makes a gallery of each size in DIR, or uses the one that is there; asks it questions by the program of REVISION, then
upgrades a copy and asks that by this tree. Prints processor milliseconds, p50 and p95 of every kind of question.
With --filing: posts a second of a processor, filed from listing pages, looked at and rescored, the two programs by
turns; looks by the clock as well.
Goals at a million posts: questions and pages of the grid p95 50 ms, status and the review's first page 300 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from bench.questions.gallery import build
from bench.samples.revision import tree_of
from storage.database.engines.sqlite import SqliteDatabase
from storage.database.migrate import upgrade

REPOSITORY = Path(__file__).resolve().parents[2]
BEFORE = "160a890"  # the last revision of schema 0009
FILED = 4_000  # posts
FILING_GOALS = {"posts filed /s": 3.0, "looks with pictures /s": 3.0}  # times
MOST_S = 1.0  # of a processor, for one question
GOALS_MS: Mapping[str, float] = {
    "status": 300,
    "the review's first page": 300,
    "the review's questions": 300,
}  # p95; others 50
Times: TypeAlias = Mapping[str, Mapping[str, Sequence[float]]]


def main() -> int:
    """Build what is missing, ask both programs, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--root", type=Path, help="where galleries are kept for the next time; default: nowhere")
    parser.add_argument("--before", default=BEFORE, help="the older program; none: only this one")
    parser.add_argument("--each", action="store_true", help="every question's median as well")
    parser.add_argument("--filing", action="store_true", help="how fast posts are filed, instead of questions")
    parser.add_argument("--filed", type=int, default=FILED, help="posts of a round with --filing")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.filing:
        return compare_filing(options.before, options.rounds, options.filed)
    reached = True
    with ExitStack() as stack:
        folder = options.root or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        older = None if options.before == "none" else stack.enter_context(tree_of(options.before))
        for posts in options.posts:
            gallery = made(folder, posts)
            before = asked(older, gallery) if older else {}
            with upgraded(gallery) as copy:
                reached &= show(posts, before, asked(REPOSITORY, copy), each=options.each)
    return 0 if reached else 1


def made(folder: Path, posts: int) -> Path:
    """The gallery of this size."""
    gallery = folder / f"posts-{posts}"
    if not (gallery / "crawl.db").exists():
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(dir=folder) as building:
            build(Path(building) / "crawl.db", posts)
            gallery.mkdir(exist_ok=True)
            (Path(building) / "crawl.db").rename(gallery / "crawl.db")
        print(f"made {posts:,} posts: {time.perf_counter() - began:.0f} s", flush=True)
    return gallery


@contextmanager
def upgraded(gallery: Path) -> Iterator[Path]:
    """A copy with this tree's schema, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=gallery.parent) as folder:
        copy = Path(folder) / "crawl.db"
        shutil.copyfile(gallery / "crawl.db", copy)
        size = copy.stat().st_size
        began, used = time.perf_counter(), time.process_time()
        engine = SqliteDatabase(copy).writing_engine()
        try:
            with engine.connect() as connection:
                upgrade(connection)
        finally:
            engine.dispose()
        took, used = time.perf_counter() - began, time.process_time() - used
        print(
            f"upgraded in {took:.0f} s ({used:.0f} s of a processor): {size / 1e6:,.0f} MB before, "
            f"{copy.stat().st_size / 1e6:,.0f} MB after",
            flush=True,
        )
        yield Path(folder)


def asked(tree: Path, gallery: Path) -> Times:
    """Processor seconds by kind of question and question."""
    found: Times = script(tree, "ask.py", str(gallery), str(MOST_S))
    return found


def script(tree: Path, name: str, *arguments: str) -> Any:
    """What a script of this folder prints, run by the program of a tree."""
    command = [sys.executable, str(Path(__file__).with_name(name)), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(tree)})
    return json.loads(done.stdout)


def compare_filing(revision: str, rounds: int, filed: int) -> int:
    """Print medians of both programs, run by turns; says whether what was asked for is reached."""
    sides: dict[str, list[Mapping[str, float]]] = {"before": [], "after": []}
    with tree_of(revision) as older:
        for _ in range(rounds):
            for name, tree in (("before", older), ("after", REPOSITORY)):
                sides[name].append(script(tree, "listing_pages.py", str(filed)))
    print(f"{filed:,} posts, medians of {rounds}              before      after      ratio")
    ratios = {}
    for what in sides["after"][0]:
        before, after = (statistics.median(one[what] for one in sides[name]) for name in ("before", "after"))
        ratios[what] = after / before
        missed = "missed" if ratios[what] < FILING_GOALS.get(what, 0.0) else ""
        print(f"{what:37}{before:12,.0f} {after:10,.0f} {after / before:10.2f} {missed}")
    return 0 if all(ratios[what] >= goal for what, goal in FILING_GOALS.items()) else 1


def show(posts: int, before: Times, after: Times, *, each: bool) -> bool:
    """Print the table; says whether the goals are reached."""
    print(f"\n{posts:,} posts, processor ms      before: p50       p95    after: p50       p95      goal")
    reached = True
    for kind, questions in after.items():
        goal, (middle, late) = GOALS_MS.get(kind, 50.0), percentiles(questions)
        older = "{:15,.1f} {:9,.1f}".format(*percentiles(before[kind])) if before else " " * 25
        print(f"{kind:32}{older} {middle:13,.1f} {late:9,.1f} {goal:9,.0f} {'' if late <= goal else 'missed'}")
        reached &= late <= goal
        for question, times in questions.items() if each else ():
            older = f"{1000 * np.median(before[kind][question]):15,.1f}" if before else " " * 15
            print(f"    {question:28}{older} {1000 * np.median(times):23,.1f}")
    return reached


def percentiles(questions: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    """The middle one of all questions' times, and the one that 95 in 100 do not exceed, milliseconds."""
    times = [1000 * one for times in questions.values() for one in times]
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


if __name__ == "__main__":
    sys.exit(main())
