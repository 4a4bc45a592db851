"""What a run has done so far: counted where it happens, read by whoever shows progress or sums up."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How the processing of one post ended."""

    KEPT = "kept"
    DELETED = "deleted"
    UNDECIDED = "undecided"
    HIDDEN = "hidden"  # the site does not show us the picture
    SEEN = "seen"  # another program has it, by an archive that was imported
    GONE = "gone"  # the site lists it and has its file no more, or not for us
    FAILED = "failed"  # still open: run again


class KeptAs(StrEnum):
    """What the tags of a kept post say of the target that it was kept for."""

    TAGGED = "target"  # they name it
    NOBODY = "nobody"  # they name nobody
    OTHERS = "others"  # they name somebody else only


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one post."""

    outcome: Outcome
    reason: str | None = None
    models: tuple[str, ...] = ()  # that decided, one a target: `mona/1`
    kept_as: KeptAs | None = None  # of a kept post
    refused_by: tuple[str, ...] = ()  # models that may not decide it


@dataclass(slots=True)
class Tally:
    """Counts of one run. `listed` is the sum of all outcomes once the run has ended."""

    clock: Callable[[], float] = time.monotonic
    listed: int = 0  # posts that entered the run
    scored: int = 0  # pictures that got a score in this run
    known: int = 0  # posts whose decision stood already
    looked_inside: int = 0  # posts whose preview left a doubt, so that frames of the file were looked at
    looked_first: int = 0  # posts of which a smaller rendition was fetched first
    looked_twice: int = 0  # of these, posts of which the larger one was fetched too
    gaps: int = 0  # id ranges that could not be listed
    refused: int = 0  # rows of the site's answers that are no valid post
    bytes_if_all: int = 0  # what the originals weigh of all posts that were decided now: the cost of not looking
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: dict[Outcome, Counter[str]] = field(default_factory=lambda: {outcome: Counter() for outcome in Outcome})
    kept_as: Counter[KeptAs] = field(default_factory=Counter)  # of the posts that were kept
    refused_by: Counter[str] = field(default_factory=Counter)  # model -> posts that it may not decide
    decided_by: Counter[str] = field(default_factory=Counter)  # name of a model -> posts whose decision is by it
    decided_again: int = 0  # posts that were decided once more, by models that took over during the run
    let_go: int = 0  # of these, posts that were kept before and are not now
    bugs: int = 0  # unexpected errors that were contained to one post
    first_score_s: float | None = None  # seconds from the start to the first score
    expected: int | None = None  # posts that the site counts for the query
    in_flight: int = 0
    started: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self.clock() - self.started

    @property
    def finished(self) -> int:
        """The number of posts that are done."""
        return sum(self.outcomes.values())

    def score_seen(self) -> None:
        """Count one scored picture."""
        self.scored += 1
        if self.first_score_s is None:
            self.first_score_s = self.seconds

    def reopen(self, posts: int) -> None:
        """So many posts were counted as gone, and turned out to be refused like everything else."""
        self.outcomes[Outcome.GONE] -= posts
        self.outcomes[Outcome.FAILED] += posts

    def end(self, ended: Ended) -> None:
        """Count one post that is done."""
        self._count(ended, 1)

    def take_back(self, ended: Ended) -> None:
        """Take a post out of the count: it is processed again."""
        self._count(ended, -1)

    def _count(self, ended: Ended, by: int) -> None:
        self.outcomes[ended.outcome] += by
        if ended.reason is not None:
            _add(self.reasons[ended.outcome], ended.reason, by)
        if ended.kept_as is not None:
            self.kept_as[ended.kept_as] += by
        for model in ended.refused_by:
            _add(self.refused_by, model, by)
        for model in ended.models:
            _add(self.decided_by, model, by)


def _add(counts: Counter[str], name: str, by: int) -> None:
    """Add to a count; what is none any more is not there."""
    counts[name] += by
    if not counts[name]:
        del counts[name]
