"""The archive of a dry run: it reads what the real one reads, and writes nothing at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import Connection

from storage.archive_records import (
    Attempt,
    Digest,
    Failure,
    Gap,
    ListedPage,
    Listing,
    ListingTally,
    RegisteredModel,
    RunEnd,
    RunStart,
    Sighting,
    Work,
)
from storage.database.engines.location import database_of
from storage.database.reading_thread import ReadingThread
from storage.errors import RefusedRequest
from storage.evidence import Rescored, SplitAssignments
from storage.files.layout import require_plain
from storage.files.renditions import read_rendition
from storage.files.store import FileStore
from storage.objects.location import files_of
from storage.records import Known, ModelCard, Post, StoredRendition, Target
from storage.rows import known_posts, models
from storage.rows.targets import Merged, merged_targets, saved_targets, would_merge

T = TypeVar("T")


class DryRunArchive:
    """Reads a gallery where there is one; every writing method only pretends."""

    def __init__(self, root: Path) -> None:
        require_plain(root)
        self._database = database_of(root)
        self._root = root
        self._reads = ReadingThread(self._database.reading_engine()) if self._database.exists else None
        self._files: FileStore | None = None  # opened when the first picture is read
        self._listed = 0

    async def __aenter__(self) -> DryRunArchive:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reads is not None:
            self._reads.close()
        if self._files is not None:
            self._files.close()

    async def _read(self, operation: Callable[[Connection], T], default: T) -> T:
        return default if self._reads is None else await self._reads.do(operation, self._database)

    async def targets(self, site: str | None) -> Sequence[Target]:
        """What `--keep` named before on a site; None: on any."""
        return await self._read(lambda c: saved_targets(c, site), [])

    async def merged_targets(self, site: str) -> Sequence[Target]:
        """What `--keep` named before and is part of another target now."""
        return await self._read(lambda c: merged_targets(c, site), [])

    async def merge_target(self, site: str, gone: str, into: str) -> Merged:
        """Say what would be taken over, write nothing."""
        return await self._read(lambda c: would_merge(c, site, gone, into), Merged(gone, into, 0, 0))

    async def active_model(self, target: str) -> RegisteredModel | None:
        """The model in force for a target."""
        return await self._read(lambda c: models.active_model(c, target), None)

    async def models(self, target: str | None = None) -> Sequence[RegisteredModel]:
        """The registered models, by target and number."""
        return await self._read(lambda c: models.models(c, target), ())

    async def activate_model(self, target: str, number: int) -> RegisteredModel:
        """The registered model, as if it were in force.

        Raises:
            RefusedRequest: the target has no model of that number.
        """
        for model in await self.models(target):
            if model.card.number == number:
                return replace(model, active=True)
        raise RefusedRequest(f"{target}/{number}: no such model")

    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
        """What is known of the posts' current file versions, by post id."""
        return await self._read(lambda c: known_posts.known(c, posts, targets, datetime.now(UTC)), {})

    async def read_rendition(self, stored: StoredRendition) -> bytes | None:
        """A rendition's bytes, when they are there and whole enough to be looked at."""
        if self._files is None:
            self._files = files_of(self._root)
        return await asyncio.to_thread(read_rendition, self._files, stored)

    async def open_listing(self, site: str, query: str, *, newer_only: bool = False) -> Listing:
        """A dry run always walks from the newest post."""
        return Listing(0, None, None, False)

    async def unfinished(self, listing_id: int, work: Work, *, below: int | None, limit: int) -> Sequence[Post]:
        """Nothing is left open by a walk that begins at the newest post."""
        return []

    async def file_page(self, listing_id: int, page: ListedPage) -> None:
        """Count, write nothing."""
        self._listed += len(page.posts)

    async def open_gaps(self, listing_id: int) -> Sequence[Gap]:
        """A dry run lists everything itself."""
        return []

    async def finish_listing(self, listing_id: int, counted: int | None) -> ListingTally:
        """What was seen."""
        return ListingTally(self._listed, 0, 0, 0, counted)

    async def begin_attempt(self, post: Post, kind: str, url: str) -> Attempt:
        """An attempt without a record, and without a place to write to."""
        return Attempt(0, 1, Path("/dev/null"), kind)

    async def adopt_known_original(self, post: Post, targets: Sequence[str]) -> bool:
        """Say that the original is here, so that nobody downloads it."""
        return True

    async def begin_run(self, start: RunStart) -> int:
        """No run is recorded; its number is 0."""
        return 0

    async def next_model_number(self, target: str) -> int:
        """A dry run makes no model."""
        return 0

    async def end_run(self, run_id: int, end: RunEnd) -> None: ...
    async def save_targets(self, site: str, targets: Sequence[Target]) -> None: ...
    async def file_gap(self, listing_id: int, gap: Gap) -> None: ...
    async def close_gap(self, listing_id: int, gap: Gap) -> None: ...
    async def file_look(self, sighting: Sighting) -> None: ...
    async def fail_attempt(self, attempt: Attempt, failure: Failure) -> None: ...
    async def file_original(self, attempt: Attempt, post: Post, targets: Sequence[str], digest: Digest) -> None: ...
    async def reopen(self, urls: Sequence[str]) -> int:
        """Nothing was given up."""
        return 0

    async def trash_original(self, post: Post, targets: Sequence[str]) -> int:
        """Nothing is moved."""
        return 0

    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None: ...

    async def file_assignments(self, assignments: SplitAssignments) -> None: ...

    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int:
        """No decision is new."""
        return 0
