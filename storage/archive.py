"""The gallery on disk: the one door to the database and the files.

Open it, hand it what was seen and decided, close it. Every method that writes returns when the bytes, their names and
their rows are durable, in that order; killed anywhere in between, the next `open` finishes or drops what was begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from storage.archive_records import (
    ArchiveSettings,
    Attempt,
    Digest,
    Failure,
    Gap,
    ListedPage,
    Listing,
    ListingTally,
    RecoveryReport,
    RegisteredModel,
    RunEnd,
    RunStart,
    Sighting,
    Work,
)
from storage.database.access import Access
from storage.evidence import Rescored, SplitAssignments
from storage.files.lock import GalleryLock
from storage.files.renditions import read_rendition
from storage.files.store import FileStore
from storage.following.follows import Follows
from storage.imports.seen_posts import SeenPosts
from storage.lifecycle.opening import open_gallery
from storage.lifecycle.verify import VerifyReport
from storage.looks import rescores
from storage.looks.attempts import Attempts, reopen
from storage.looks.look_rows import LookRows
from storage.looks.looks import Looks
from storage.moves import quarantine
from storage.moves.archive_moves import ArchiveMoves
from storage.moves.arrivals import Arrivals
from storage.moves.left_files import LeftFiles
from storage.moves.moves import Mover
from storage.moves.originals import Originals
from storage.moves.statements import Statements
from storage.reader import Reader
from storage.records import Known, ModelCard, Post, StoredRendition, Target
from storage.rows import known_posts, runs
from storage.rows import targets as known_targets
from storage.rows.listings import Listings
from storage.rows.models import Models
from storage.rows.posts import PostRows
from storage.rows.splits import file_assignments
from storage.rows.targets import Merged
from storage.uninterrupted import uninterrupted

__all__ = ["Archive", "open_reader"]


class Archive:
    """A gallery that this process owns; made by `Archive.open`.

    What a crawl and a round need is asked of the archive itself, which hands it to its part; what moves files between
    gallery and trash afterwards, of `moves`; what other programs fetched comes in by `arrivals` or stays where it is by
    `left`, and what they say that they have counts by `seen`; what another gallery said comes by `statements`. A sync
    asks `follows`.
    """

    root: Path
    recovery: RecoveryReport
    moves: ArchiveMoves
    arrivals: Arrivals
    left: LeftFiles
    seen: SeenPosts
    statements: Statements
    follows: Follows

    def __init__(self, lock: GalleryLock, tree: FileStore, recovery: RecoveryReport, settings: ArchiveSettings) -> None:
        self.root = tree.root
        self.recovery = recovery
        self._lock = lock
        self._posts = PostRows()
        self._look_rows = LookRows()
        self._access = Access(tree, settings, self._forget)
        self._listings = Listings(self._access, self._posts)
        self._attempts = Attempts(self._access, self._posts)
        self._looks = Looks(self._access, self._posts, self._look_rows, self._attempts)
        mover = Mover(tree, self._access.write, self._access.on_disk_to_the_last, self._access.now)
        self._originals = Originals(self._access, self._posts, self._attempts, mover)
        self._models = Models(self._access)
        self.moves = ArchiveMoves(self._access, mover)
        self.arrivals = Arrivals(self._access, self._posts)
        self.left = LeftFiles(self._access, self.arrivals)
        self.seen = SeenPosts(self._access)
        self.statements = Statements(self._access, self._look_rows)
        self.follows = Follows(self._access)

    @classmethod
    def open(cls, root: Path, settings: ArchiveSettings | None = None) -> Archive:
        """Make or open a gallery: lock, identity, schema, recovery.

        Raises:
            RefusedRoot: the folder must not become a gallery.
            GalleryBusy: another process owns it.
            StorageError: the disk refuses, or the root is not the database's.
            DatabaseError: damaged, missing, or from a newer program; it was left alone.
        """
        settings = settings or ArchiveSettings()
        opened = open_gallery(root, settings, settings.clock())
        try:
            return cls(opened.lock, opened.tree, opened.report, settings)
        except BaseException:  # of a gallery on a server, which another machine may have got hold of meanwhile
            opened.tree.close()
            opened.lock.release(clean=opened.lock.was_clean)
            raise

    async def __aenter__(self) -> Archive:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Finish what waits, fold the log in, let the gallery go."""
        await asyncio.shield(asyncio.to_thread(self.close))

    def close(self) -> None:
        """The same for callers without an event loop. Closing twice is harmless."""
        if self._access.closed:
            return
        self._access.close()
        self._lock.release()

    # --- runs and targets ----------------------------------------------------------------------------------------

    async def begin_run(self, start: RunStart) -> int:
        """Record that a run begins; gives its id."""
        now = self._access.now()
        return await self._access.write(lambda c: runs.begin_run(c, start, now))

    async def end_run(self, run_id: int, end: RunEnd) -> None:
        """Record how a run ended."""
        now = self._access.now()
        await self._access.write(lambda c: runs.end_run(c, run_id, end, now))

    async def save_targets(self, site: str, targets: Sequence[Target]) -> None:
        """Remember what `--keep` named."""
        await self._access.write(lambda c: known_targets.save_targets(c, site, targets))

    async def merge_target(self, site: str, gone: str, into: str) -> Merged:
        """Make one target part of another that the site calls by the same tag; its labels hold for the other too.

        Raises:
            RefusedRequest: they are no two targets of the site.
        """
        return await self._access.write(lambda c: known_targets.merge_target(c, site, gone, into))

    async def merged_targets(self, site: str) -> Sequence[Target]:
        """What `--keep` named before and is part of another target now."""
        return await self._access.read(lambda c: known_targets.merged_targets(c, site))

    async def targets(self, site: str | None) -> Sequence[Target]:
        """What `--keep` named before on a site; None: on any."""
        return await self._access.read(lambda c: known_targets.saved_targets(c, site))

    # --- listings ------------------------------------------------------------------------------------------------

    async def open_listing(self, site: str, query: str, *, newer_only: bool = False) -> Listing:
        """Go on with the unfinished walk of this query, or begin one."""
        return await self._listings.open(site, query, newer_only=newer_only)

    async def file_page(self, listing_id: int, page: ListedPage) -> None:
        """Posts, versions, tags, AI tags, membership and the cursor, in one transaction."""
        await self._listings.file_page(listing_id, page)

    async def file_gap(self, listing_id: int, gap: Gap) -> None:
        """A range of ids could not be listed."""
        await self._listings.file_gap(listing_id, gap)

    async def open_gaps(self, listing_id: int) -> Sequence[Gap]:
        """The ranges that are still to be listed, highest first."""
        return await self._listings.open_gaps(listing_id)

    async def close_gap(self, listing_id: int, gap: Gap) -> None:
        """The range was listed after all."""
        await self._listings.close_gap(listing_id, gap)

    async def finish_listing(self, listing_id: int, counted: int | None) -> ListingTally:
        """The walk came to its end; `counted` is what the site says, None when it did not."""
        return await self._listings.finish(listing_id, counted)

    async def unfinished(
        self, listing_id: int, work: Work, *, below: int | None = None, limit: int = 200
    ) -> Sequence[Post]:
        """Listed posts that are not done, by falling id below `below`."""
        return await self._access.read(lambda c: known_posts.unfinished(c, listing_id, work, below=below, limit=limit))

    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
        """What is known of the posts' current file versions, by post id."""
        now = self._access.now()
        return await self._access.read(lambda c: known_posts.known(c, posts, targets, now))

    # --- looking -------------------------------------------------------------------------------------------------

    async def begin_attempt(self, post: Post, kind: str, url: str) -> Attempt:
        """Record that something is about to be fetched, before it is.

        Args:
            kind: rendition | original.
        """
        return await self._attempts.begin(post, kind, url)

    async def fail_attempt(self, attempt: Attempt, failure: Failure) -> None:
        """An attempt came to nothing; its partial file is removed. One whose files were placed stays open."""
        await self._attempts.fail(attempt, failure)

    async def reopen(self, urls: Sequence[str]) -> int:
        """Ask again for what was given up at these addresses: the site refused everything, so none of it is gone."""
        return await self._access.write(lambda c: reopen(c, urls))

    @uninterrupted
    async def file_look(self, sighting: Sighting) -> None:
        """Record one look: the rendition's bytes and name first, then all its rows in one transaction."""
        await self._looks.file(sighting)

    async def file_original(self, attempt: Attempt, post: Post, targets: Sequence[str], digest: Digest) -> None:
        """Bring the attempt's verified file into the gallery, under a name for every target.

        Raises:
            RefusedFile: the bytes are not the published ones, or the file type is unknown.
            StorageError: another file has the name, or the disk refuses.
        """
        await self._originals.file(attempt, post, targets, digest)

    async def adopt_known_original(self, post: Post, targets: Sequence[str]) -> bool:
        """Use bytes that the user has; says whether every target has its file now, so that nothing is fetched.

        They lie in the gallery, or outside where an import left them, whence they are copied.
        """
        if await self._originals.adopt(post, targets):
            return True
        if post.file is None or not await self.left.bring(post.file):
            return False
        return await self._originals.adopt(post, targets)

    async def trash_original(self, post: Post, targets: Sequence[str]) -> int:
        """Move the post's originals to the trash, for those targets whose effective decision is *delete*."""
        return await self._originals.trash(post, targets)

    async def read_rendition(self, stored: StoredRendition) -> bytes | None:
        """A rendition's bytes, or None when the file is gone or no longer what its row says."""
        return await self._access.on_disk(lambda: read_rendition(self._access.tree, stored))

    async def set_aside(self, report: VerifyReport) -> int:
        """Take what `verify` found damaged or missing out of the way; foreign files are left alone.

        Returns:
            How many rows were changed. Damaged bytes lie in `damaged/` afterwards.
        """
        now = self._access.now()
        moved = await self._access.on_disk(lambda: quarantine.move_aside(self._access.tree, report.damaged))
        damaged = tuple(zip(report.damaged, moved, strict=True))
        return await self._access.write(lambda c: quarantine.record(c, report.missing, damaged, now))

    # --- models --------------------------------------------------------------------------------------------------

    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None:
        """Enter a model whose files are in place; `activate` makes it the target's one active model.

        Raises:
            RefusedRequest: its number belongs to another model.
        """
        await self._models.register(card, facts, activate=activate)

    async def activate_model(self, target: str, number: int) -> RegisteredModel:
        """Put a registered model in force and the one before out of it, in one transaction.

        Raises:
            RefusedRequest: the target has no model of that number; it names those that there are.
        """
        return await self._models.activate(target, number)

    async def active_model(self, target: str) -> RegisteredModel | None:
        """The model in force for a target."""
        return await self._models.active(target)

    async def next_model_number(self, target: str) -> int:
        """The number for a model that is about to be made."""
        return await self._models.next_number(target)

    async def models(self, target: str | None = None) -> Sequence[RegisteredModel]:
        """The registered models, by target and number."""
        return await self._models.all(target)

    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int:
        """Record what a model says of many known pictures at once; its decisions are current from now on.

        Returns:
            How many decisions are new; the others were made before.
        Raises:
            RefusedRequest: the columns are not equally long, or a decision is another target's.
        """
        now = self._access.now()
        return await self._access.write(lambda c: rescores.file_rescores(c, self._look_rows, card, batch, now))

    async def file_assignments(self, assignments: SplitAssignments) -> None:
        """Record which part of a target's learning each picture is in, for good, and hashes that were missing.

        Raises:
            RefusedRequest: the columns are not equally long, or a part has no name.
        """
        await self._access.write(lambda c: file_assignments(c, assignments))

    def _forget(self) -> None:
        self._posts.forget()
        self._look_rows.forget()


def open_reader(root: Path) -> Reader:
    """Look at a gallery without owning it: queries, status, digest; works beside a running crawl.

    Raises:
        WrongRoot: there is no gallery.
        DatabaseError: it cannot be read.
    """
    return Reader.open(root)
