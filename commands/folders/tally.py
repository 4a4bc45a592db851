"""The counts of one pass over a folder, of the same size however many pictures it has."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from crawler.folder_pipeline import Classified, Verdict

NAMED_AT_MOST = 5  # files in one line for people
_SHOWN = {Verdict.KEPT: 24, Verdict.UNDECIDED: 12, Verdict.REJECTED: 24}  # pictures of the contact sheet
_BIN_S = 0.01  # width of a bin of times


@dataclass(slots=True)
class Counts:
    """Files by reason, with the names of the first."""

    count: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count one."""
        self.count[reason] += 1
        names = self.named.setdefault(reason, [])
        if len(names) < NAMED_AT_MOST:
            names.append(name)

    def lines(self, what: str) -> list[str]:
        """A line a reason: `failed, undecodable: 3 (a.jpg, b.jpg, c.jpg)`."""
        return [
            f"{what}, {reason}: {number} ({', '.join(self.named[reason])}"
            + (", …)" if number > len(self.named[reason]) else ")")
            for reason, number in sorted(self.count.items())
        ]


@dataclass(slots=True)
class Times:
    """How long pictures took, from the beginning of their look to the decision."""

    count: int = 0
    total_s: float = 0.0
    least_s: float = math.inf
    most_s: float = 0.0
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self.total_s += seconds
        self.least_s, self.most_s = min(self.least_s, seconds), max(self.most_s, seconds)
        self.bins[int(seconds / _BIN_S)] += 1

    @property
    def mode_s(self) -> float:
        """The middle of the fullest bin, a hundredth of a second wide."""
        return (max(self.bins, key=lambda one: (self.bins[one], -one)) + 0.5) * _BIN_S if self.bins else math.nan


@dataclass(slots=True)
class FolderTally:
    """What became of the pictures."""

    verdicts: Counter[Verdict] = field(default_factory=Counter)
    decided_by: Counter[str] = field(default_factory=Counter)  # of the kept and the rejected
    names: Counter[str] = field(default_factory=Counter)  # of the kept
    failed: Counts = field(default_factory=Counts)
    undecided: Counts = field(default_factory=Counts)
    left_out: Counts = field(default_factory=Counts)
    times: Times = field(default_factory=Times)
    refused: int = 0  # undecided because the model may not decide
    posts: int = 0  # pictures of known posts
    known: int = 0  # pictures that an earlier pass had decoded
    _shown: dict[Verdict, list[tuple[float, int, Path]]] = field(default_factory=dict)
    _number: int = 0

    @property
    def pictures(self) -> int:
        """How many there were."""
        return sum(self.verdicts.values())

    def add(self, one: Classified) -> None:
        """Count one."""
        ruled = one.ruled
        self.verdicts[ruled.verdict] += 1
        self.refused += ruled.refused
        self.posts += one.facts.post is not None
        if ruled.verdict is Verdict.FAILED:
            self.failed.add(ruled.reason, one.file.name)
            return
        self.times.add(one.seconds)
        self.known += not one.looked
        if ruled.verdict is Verdict.UNDECIDED:
            self.undecided.add(_countable(ruled.reason), one.file.name)
        else:
            self.decided_by[ruled.decided_by.value] += 1
        if ruled.verdict is Verdict.KEPT:
            self.names[ruled.name] += 1
        self._show(one)

    def leave(self, path: Path, why: str) -> None:
        """Count what is passed over."""
        self.left_out.add(why, path.name)

    def shown(self, verdict: Verdict) -> list[tuple[float, Path]]:
        """The pictures of that verdict that are nearest to another: (score, path), the nearest first."""
        return [(abs(score), path) for score, _, path in sorted(self._shown.get(verdict, []), reverse=True)]

    def _show(self, one: Classified) -> None:
        """Remember the few pictures whose score is nearest to the other side."""
        verdict, score = one.ruled.verdict, one.ruled.score
        if score is None:
            return
        self._number += 1
        nearness = -score if verdict is Verdict.KEPT else score
        heap = self._shown.setdefault(verdict, [])
        heapq.heappush(heap, (nearness, -self._number, one.file.path))
        if len(heap) > _SHOWN[verdict]:
            heapq.heappop(heap)


def _countable(reason: str) -> str:
    """A reason without its numbers."""
    return "too close to the threshold" if " is within " in reason else reason
