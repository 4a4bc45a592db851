"""The state of one run, shared by the pipeline's stages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from crawler.crew import Crew, Job
from crawler.tally import Ended, Outcome, Tally
from storage.archive_records import ListingTally
from storage.records import Known, Post

_NOT_WANTED = (Outcome.DELETED, Outcome.UNDECIDED)


@dataclass(slots=True)
class Run:
    """One run's moving parts."""

    job: Job
    crew: Crew
    tally: Tally
    stop: asyncio.Event  # set by the user's Ctrl-C, or by the first error that concerns the whole run
    queue: asyncio.Queue[tuple[Post, Known] | None] = field(default_factory=lambda: asyncio.Queue(400))
    suspects: list[tuple[Post, Known]] = field(default_factory=list)
    listing_id: int = 0
    walk: ListingTally | None = None  # what a walk that came to its end amounts to
    fatal: BaseException | None = None
    successor: bool = False  # whether other models may take over during the run, or have done so
    awaited: bool = False  # whether they are still to come
    again: bool = False  # whether posts are being decided once more, by models that took over
    earlier: dict[int, Ended] = field(default_factory=dict)  # post id -> how it ended, where it may be decided again
    held: dict[int, bytes] = field(default_factory=dict)  # post id -> its file, fetched to be looked into
    doing: str = ""  # what the run does, or waits for, besides carrying posts; for people

    @property
    def limit_reached(self) -> bool:
        """Whether no more posts may enter the run."""
        return not self.again and self.job.limit is not None and self.tally.listed >= self.job.limit

    def end(self, post: Post, ended: Ended) -> None:
        """Count a post's end, in the place of an earlier one."""
        before = self.earlier.pop(post.id, None)
        if before is not None:
            self.tally.take_back(before)
            self.tally.let_go += before.outcome is Outcome.KEPT and ended.outcome in _NOT_WANTED
        self.tally.end(ended)
        self.tally.decided_again += self.again
        if self.successor and not self.again and self._may_change(ended):
            self.earlier[post.id] = ended

    def _may_change(self, ended: Ended) -> bool:
        """Whether the post would be decided again: by models that are still to come, or that have just taken over."""
        in_force = {card.name for card in self.crew.judge.models.values()}
        return self.awaited or ended.outcome is Outcome.FAILED or not in_force.issuperset(ended.models)

    def abort(self, error: BaseException) -> None:
        """End the run for a reason that no single post can contain."""
        if self.fatal is None:
            self.fatal = error
        self.stop.set()
