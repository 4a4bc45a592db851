"""How long does a report of a large gallery take, question by question? Beside it the same questions the slow way.

    python -m bench.report [--posts 100000]

Prints seconds for each question, for all of them, for the page, and the memory that the page took. The other column
asks the view `results` for rows and counts them in Python, where that answers the same.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.report.gallery import filled
from commands.pages.report_page import ReportFacts, report_files
from commands.pages.report_tables import report_of
from storage.archive import open_reader
from storage.reader import Reader
from storage.reports.canned_questions import QUESTIONS, CannedQuestion, answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=100_000)
    posts = parser.parse_args(arguments).posts
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "gallery"
        filled(root, posts)
        with open_reader(root) as reader:
            print(f"{posts} posts, {(root / 'crawl.db').stat().st_size / 1e6:.0f} MB\n")
            print("| question | SQL, s | rows of `results` counted in Python, s |\n| --- | --- | --- |")
            for question in QUESTIONS:
                fast = _seconds(
                    lambda one=question: reader.ask(lambda c: answer(c, one, "mona" if one.by_target else ""))
                )
                other = _IN_PYTHON.get(question.name)
                slow = f"{_seconds(lambda ask=other: ask(reader)):.2f}" if other else ""
                print(f"| {question.name} | {fast:.2f} | {slow} |")
            facts = ReportFacts("bench", "now", {})
            everything = _seconds(lambda: report_of(reader, ["mona"]))
            page = _seconds(lambda: report_files(report_of(reader, ["mona"]), facts, {}, reader))
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"\nall questions {everything:.2f} s, with the page {page:.2f} s, {memory:.0f} MB at most")
    return 0


def _target(question: CannedQuestion) -> str:
    return "mona" if question.by_target else ""


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ratings(reader: Reader) -> object:
    rows = reader.sql("SELECT rating, decision, tags_character FROM results WHERE target = 'mona'").mappings()
    return Counter((row["rating"], row["decision"], "mona_(genshin_impact)" in row["tags_character"]) for row in rows)


def _artists(reader: Reader) -> object:
    rows = reader.sql("SELECT tags_artist FROM results WHERE target = 'mona' AND decision = 'keep'").mappings()
    return Counter(artist for row in rows for artist in row["tags_artist"].split())


_IN_PYTHON: dict[str, Callable[[Reader], object]] = {"ratings": _ratings, "artists": _artists}

if __name__ == "__main__":
    raise SystemExit(main())
