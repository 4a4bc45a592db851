"""Ask one gallery questions, in a process of its own, by whatever program stands first on the path.

    python bench/questions/ask.py ROOT MOST_S

Prints one JSON object: processor seconds of each asking, by kind of question: everything is in memory, and other
programs on the machine should not count. Uses only what older programs have as well.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from review.gallery_service import GalleryReviewService
from storage.archive import open_reader

TARGET = "mona"
ROWS = 100  # of an answer
CARDS = 60  # pictures that a page of the grid shows
QUESTIONS = {
    "a tag and not another": (
        "tag_7 -tag_8", "tag_1 -tag_2", "tag_2 -tag_1", "tag_40 -tag_3", "tag_300 -tag_1", "tag_3 -tag_700",
        "tag_900 tag_1000 -tag_5", "tag_5000 -tag_1", "tag_60000 -tag_2", "tag_30 tag_70 -tag_4",
    ),
    "a wildcard": (
        "tag_1*", "tag_99*", "tag_1234*", "*_12345", "tag_777* -tag_1", "tag_5*5 tag_300", "tag_1 -tag_55*",
        "tag_30* -tag_30", "*9999*", "tag_2* tag_6000",
    ),
    "a range, by score": (
        "score:>20 order:score", "score:5..8 order:score_asc", "score:>60", "p:0.45..0.55 order:p", "p:>0.9",
        "p:0.2..0.6 order:p_asc", "decision:keep order:p", "tag_50 score:>15 order:score", "tag_3 p:0.3..0.4 order:p",
        "rating:g score:>30 order:score",
    ),
}  # fmt: skip
FIRST_LISTS = {
    "the review's first page": {"all": "", "kept": "decision:keep", "rejected": "decision:delete", "one tag": "tag_30"},
    "the review's questions": {"by score": "-label:any order:uncertain"},
}


def main() -> None:
    """Ask each question until the time is up, at most five times."""
    root, most_s = Path(sys.argv[1]), float(sys.argv[2])
    found: dict[str, dict[str, list[float]]] = {}
    with open_reader(root) as reader:
        for kind, questions in QUESTIONS.items():
            found[kind] = {one: times(lambda one=one: reader.query(one, ROWS), most_s) for one in questions}
        found["status"] = {"crawl status": times(reader.status, most_s)}
    found["a page of the grid"] = pages(root, most_s)
    for kind, lists in FIRST_LISTS.items():
        found[kind] = {name: times(lambda query=query: opened(root, query), most_s) for name, query in lists.items()}
    print(json.dumps(found))


def pages(root: Path, most_s: float, clock: Callable[[], float] = time.thread_time) -> dict[str, list[float]]:
    """Seconds of the cards of pictures at different depths of the list."""
    with GalleryReviewService(root, "bench") as service:
        ids = service.find(TARGET, "").ids
        starts = [len(ids) * tenth // 10 for tenth in range(10)]
        windows = {str(start): ids[start : start + CARDS] for start in starts}
        return {
            start: times(lambda page=page: service.pictures(TARGET, page), most_s, clock)
            for start, page in windows.items()
        }


def opened(root: Path, expression: str) -> None:
    """What the page asks for when it is opened: figures, a list, the cards of the first window."""
    with GalleryReviewService(root, "bench") as service:
        service.facts(TARGET)
        service.pictures(TARGET, service.find(TARGET, expression).ids[:CARDS])


def times(ask: Callable[[], object], most_s: float, clock: Callable[[], float] = time.thread_time) -> list[float]:
    """Seconds of each asking, at most five, until the time is up."""
    seconds: list[float] = []
    while len(seconds) < 5 and sum(seconds) < most_s:
        began = clock()
        ask()
        seconds.append(clock() - began)
    return seconds


if __name__ == "__main__":
    main()
