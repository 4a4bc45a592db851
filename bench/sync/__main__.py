"""A month of `crawl sync` beside a site that changes every day: what it asked, and what the changes themselves need.

    python -m bench.sync --posts 2000 --nights 30

Every day posts are uploaded, edited, rated, deleted, banned, expunged, given another file, and leave the search; twice
in the month a tag is renamed. Printed for each night, and in sum: requests for lists that were made, and the fewest
that could be: pages of 200 that hold the new posts, and pages of 200 that hold the changed ones. At the end the gallery
is compared, row by row, with a fresh crawl of the site as it then is. Pictures are judged by their brightness. Exit 1
when a row differs, a label is lost, or more than 1.2 times the requests were made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from storage.plurals import counted
from tests.commands.following.month import Month, Night
from tests.commands.small_site import small_site

MOST = 1.2  # times the requests that the changes need


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line a night and the sums."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--posts", type=int, default=2000)
    read.add_argument("--nights", type=int, default=30)
    options = read.parse_args(arguments)
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        small_site(Path(folder), patch) as site,
    ):
        month = Month(site, options.posts)
        before = month.labels()
        print(f"{'night':>5} {'new':>5} {'changed':>8} {'needed':>7} {'lists':>6} {'files':>6}  found")
        renames = {options.nights // 3: "target", 2 * options.nights // 3: "series"}
        for number in range(1, options.nights + 1):
            print(_line(month.day(rename=renames.get(number, ""), last=number == options.nights)), flush=True)
        differences, wrong, now = month.differences(), month.wrong_labels(before), month.labels()
    ratio = month.asked / month.needed
    print(f"requests for lists: {month.asked}; the changes need {month.needed}: {ratio:.2f} times as many")
    print(f"rows that differ from a fresh crawl: {len(differences)}")
    print(f"labels: {len(before)}, {'NOT all there' if wrong else 'all there'}; {_shared(len(now) - len(before))}")
    for line in [*wrong, *differences][:10]:
        print(f"  {line}")
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if not differences and not wrong and ratio <= MOST else 1


def _shared(posts: int) -> str:
    return f"{counted(posts, 'post')} came to show a labelled picture, and have its label"


def _line(night: Night) -> str:
    found = f"{night.answer['new']} new, {night.answer['changed']} changed"
    return f"{night.number:5} {night.new:5} {night.changed:8} {night.needed:7} {night.asked:6} {night.files:6}  {found}"


if __name__ == "__main__":
    sys.exit(main())
