"""One run's moving parts: what the pipeline's stages share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from crawler.crew import Crew, Job
from crawler.tally import Tally
from storage.filing import ListingTally
from storage.records import Known, Post


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

    def abort(self, error: BaseException) -> None:
        """End the run for a reason that no single post can contain."""
        if self.fatal is None:
            self.fatal = error
        self.stop.set()
