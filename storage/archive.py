"""The gallery on disk: the one door to the database and the files.

Open it, hand it what was seen and decided, close it. Every method that writes returns when the bytes, their names and
their rows are durable, in that order; killed anywhere in between, the next `open` finishes or drops what was begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from sqlalchemy import Connection, insert, update

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
from storage.database.engine import new_id, reading_engine, writing_engine
from storage.database.error_translation import at_border, free_words
from storage.database.tables import RunRow
from storage.database.writer import Writer
from storage.errors import RefusedFile, ReserveReached
from storage.evidence import Rescored, SplitAssignments
from storage.files.lock import GalleryLock
from storage.files.paths import staging_path
from storage.files.renditions import read_rendition, store_rendition
from storage.files.tree import Tree
from storage.lifecycle.opening import open_gallery
from storage.lifecycle.verify import VerifyReport
from storage.moves import moves as moving
from storage.moves import originals, quarantine
from storage.moves.archive_moves import Tidying
from storage.reader import Reader, ReadingThread
from storage.records import FileVersion, Known, ModelCard, Post, StoredRendition, Target
from storage.rows import known_posts, listings, looks, models, rescores
from storage.rows import targets as known_targets
from storage.rows.posts import PostRows
from storage.rows.splits import file_assignments
from storage.rows.targets import Merged
from storage.uninterrupted import uninterrupted

__all__ = ["Archive", "open_reader"]

T = TypeVar("T")


class Archive(Tidying):
    """A gallery that this process owns; made by `Archive.open`."""

    root: Path
    recovery: RecoveryReport

    def __init__(self, lock: GalleryLock, tree: Tree, recovery: RecoveryReport, settings: ArchiveSettings) -> None:
        self.root = tree.root
        self.recovery = recovery
        self._settings = settings
        self._now = settings.clock
        self._lock = lock
        self._tree = tree
        self._database = tree.root / "crawl.db"
        self._posts = PostRows()
        self._looks = looks.LookRows()
        self._renditions: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by the original's md5
        self._unsettled: set[int] = set()  # attempts whose files are in place and whose rows could not be written
        self._writer = Writer(
            writing_engine(self._database, busy_timeout_s=settings.busy_timeout_s),
            self._database,
            queue_size=settings.queue_size,
            batch_size=settings.batch_size,
            on_rollback=self._forget,
        )
        self._files = ThreadPoolExecutor(settings.file_threads, thread_name_prefix="archive-files")
        self._reads = ReadingThread(reading_engine(self._database, busy_timeout_s=settings.busy_timeout_s))
        self._mover = moving.Mover(tree, self._write, self._on_disk_to_the_last, self._now)
        self._changing_places = asyncio.Lock()  # one post at a time: another one may be taking its copy from there
        self._closed = False

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
        return cls(opened.lock, opened.tree, opened.report, settings)

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
        if self._closed:
            return
        self._closed = True
        self._files.shutdown(wait=True)
        self._reads.close()
        self._writer.close()
        self._tree.close()
        self._lock.release()

    # --- runs and listings ---------------------------------------------------------------------------------------

    async def begin_run(self, start: RunStart) -> int:
        """Record that a run begins; gives its id."""
        values = {
            "command": start.command,
            "site": start.site,
            "query": start.query,
            "targets": list(start.targets),
            "settings": dict(start.settings),
            "models": list(start.models),
            "started_at": self._now(),
            "state": "running",
        }
        return await self._write(lambda c: new_id(c, insert(RunRow), values))

    async def end_run(self, run_id: int, end: RunEnd) -> None:
        """Record how a run ended."""
        values = {"ended_at": self._now(), "state": "ended", "exit_code": end.exit_code, "counts": dict(end.counts)}
        values |= {"models": list(end.models)} if end.models else {}
        await self._write(lambda c: c.execute(update(RunRow).where(RunRow.id == run_id).values(values)))

    async def save_targets(self, site: str, targets: Sequence[Target]) -> None:
        """Remember what `--keep` named."""
        await self._write(lambda c: known_targets.save_targets(c, site, targets))

    async def merge_target(self, site: str, gone: str, into: str) -> Merged:
        """Make one target part of another that the site calls by the same tag; its labels hold for the other too.

        Raises:
            RefusedRequest: they are no two targets of the site.
        """
        return await self._write(lambda c: known_targets.merge_target(c, site, gone, into))

    async def merged_targets(self, site: str) -> Sequence[Target]:
        """What `--keep` named before and is part of another target now."""
        return await self._read(lambda c: known_targets.merged_targets(c, site))

    async def targets(self, site: str | None) -> Sequence[Target]:
        """What `--keep` named before on a site; None: on any."""
        return await self._read(lambda c: known_targets.saved_targets(c, site))

    async def open_listing(self, site: str, query: str, *, newer_only: bool = False) -> Listing:
        """Go on with the unfinished walk of this query, or begin one."""
        now = self._now()
        return await self._write(lambda c: listings.open_listing(c, site, query, newer_only=newer_only, now=now))

    async def file_page(self, listing_id: int, page: ListedPage) -> None:
        """Posts, versions, tags, AI tags, membership and the cursor, in one transaction."""
        now = self._now()
        await self._write(lambda c: listings.file_page(c, self._posts, listing_id, page, now))

    async def file_gap(self, listing_id: int, gap: Gap) -> None:
        """A range of ids could not be listed."""
        now = self._now()
        await self._write(lambda c: listings.file_gap(c, listing_id, gap, now))

    async def open_gaps(self, listing_id: int) -> Sequence[Gap]:
        """The ranges that are still to be listed, highest first."""
        return await self._read(lambda c: listings.open_gaps(c, listing_id))

    async def close_gap(self, listing_id: int, gap: Gap) -> None:
        """The range was listed after all."""
        now = self._now()
        await self._write(lambda c: listings.close_gap(c, listing_id, gap, now))

    async def finish_listing(self, listing_id: int, counted: int | None) -> ListingTally:
        """The walk came to its end; `counted` is what the site says, None when it did not."""
        now = self._now()
        return await self._write(lambda c: listings.finish_listing(c, listing_id, counted, now))

    async def unfinished(
        self, listing_id: int, work: Work, *, below: int | None = None, limit: int = 200
    ) -> Sequence[Post]:
        """Listed posts that are not done, by falling id below `below`."""
        return await self._read(lambda c: known_posts.unfinished(c, listing_id, work, below=below, limit=limit))

    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]:
        """What is known of the posts' current file versions, by post id."""
        now = self._now()
        return await self._read(lambda c: known_posts.known(c, posts, targets, now))

    # --- looking -------------------------------------------------------------------------------------------------

    async def begin_attempt(self, post: Post, kind: str, url: str) -> Attempt:
        """Record that something is about to be fetched, before it is.

        Args:
            kind: rendition | original.
        """
        now = self._now()

        def record(connection: Connection) -> tuple[int, int]:
            version = self._posts.version_of(connection, post, None, now)
            return looks.begin_attempt(connection, version, kind, url, now)

        recording = asyncio.ensure_future(self._write(record))
        try:
            attempt_id, number = await asyncio.shield(recording)
        except asyncio.CancelledError:
            recording.add_done_callback(self._take_back)
            raise
        return Attempt(attempt_id, number, self.root / staging_path(attempt_id), kind)

    def _take_back(self, recording: asyncio.Future[tuple[int, int]]) -> None:
        """Close an attempt whose caller was cancelled while it was recorded: open, it would count as a crash."""
        if recording.cancelled() or recording.exception() is not None or self._closed:
            return
        attempt_id, now = recording.result()[0], self._now()
        self._writer.post(lambda c: looks.end_attempt(c, attempt_id, "stopped", looks.STOPPED, now))

    @uninterrupted
    async def file_look(self, sighting: Sighting) -> None:
        """Record one look: the rendition's bytes and name first, then all its rows in one transaction."""
        now = self._now()
        async with self._alone_with(sighting.post.file.md5 if sighting.post.file else ""):
            await self._file_look(sighting, now)

    def _alone_with(self, md5: str) -> asyncio.Lock:
        """Posts may share a file and be sent different renditions of it: which one is on disk, its row must say."""
        return self._renditions.setdefault(md5, asyncio.Lock())

    async def _file_look(self, sighting: Sighting, now: datetime) -> None:
        with self._settling(sighting.attempt):
            stored = None
            if sighting.rendition is not None and sighting.stored is not None:
                stored = await self._on_disk(lambda: store_rendition(self._tree, sighting))

            def record(connection: Connection) -> None:
                version = self._posts.version_of(connection, sighting.post, sighting.run_id, now)
                self._looks.file(connection, version, sighting, stored, now)

            await self._write(record)

    @contextmanager
    def _settling(self, attempt: Attempt | None) -> Iterator[None]:
        """Where naming files or recording them fails half-way, leave the attempt open.

        An open attempt is what recovery goes by: it adopts the files, or takes them away. Closed as failed, it would
        leave them without a row.
        """
        try:
            yield
        except (RefusedFile, ReserveReached):
            raise  # nothing was named
        except Exception:
            if attempt is not None:
                self._unsettled.add(attempt.id)
            raise

    @uninterrupted
    async def fail_attempt(self, attempt: Attempt, failure: Failure) -> None:
        """An attempt came to nothing; its partial file is removed. One whose files were placed stays open."""
        if attempt.id in self._unsettled:
            return  # the next start sees to it
        now = self._now()
        await self._on_disk_to_the_last(lambda: self._tree.remove(staging_path(attempt.id)))
        await self._write(lambda c: looks.fail_attempt(c, attempt.id, failure, now))

    async def reopen(self, urls: Sequence[str]) -> int:
        """Ask again for what was given up at these addresses: the site refused everything, so none of it is gone."""
        return await self._write(lambda c: looks.reopen(c, urls))

    @uninterrupted
    async def file_original(self, attempt: Attempt, post: Post, targets: Sequence[str], digest: Digest) -> None:
        """Bring the attempt's verified file into the gallery, under a name for every target.

        Raises:
            RefusedFile: the bytes are not the published ones, or the file type is unknown.
            StorageError: another file has the name, or the disk refuses.
        """
        now = self._now()
        source = staging_path(attempt.id)
        with self._settling(attempt):
            paths = await self._on_disk(lambda: originals.place_original(self._tree, source, post, targets, digest))
            await self._write(lambda c: self._record_original(c, attempt.id, post, paths, digest, now))

    @uninterrupted
    async def adopt_known_original(self, post: Post, targets: Sequence[str]) -> bool:
        """Use bytes that are already here: in the trash, in the gallery for another post or target, or as a rendition.

        Returns:
            Whether every target has its file now; if not, it must be downloaded.
        """
        file = post.file
        if file is None:
            return False
        if not await self._read(lambda c: originals.copies_of(c, file)):
            return False
        async with self._changing_places:
            return await self._adopt(post, file, targets)

    async def _adopt(self, post: Post, file: FileVersion, targets: Sequence[str]) -> bool:
        copies = await self._read(lambda c: originals.copies_of(c, file))
        await self._restore(post, targets)
        whole = await self._on_disk(lambda: originals.whole_copy(self._tree, copies, file))
        if whole is None:
            copies = await self._read(lambda c: originals.copies_of(c, file))  # a restored one has moved
            whole = await self._on_disk(lambda: originals.whole_copy(self._tree, copies, file))
        if whole is None:
            return False
        source, digest = whole
        attempt = await self.begin_attempt(post, "adopt", "")
        now = self._now()
        paths = await self._on_disk(lambda: originals.link_original(self._tree, source, post, targets, digest))
        await self._write(lambda c: self._record_original(c, attempt.id, post, paths, digest, now))
        return True

    async def trash_original(self, post: Post, targets: Sequence[str]) -> int:
        """Move the post's originals to the trash, for those targets whose effective decision is *delete*.

        What was ever kept stays, and so does what a person restored: `apply` sees to those.

        Returns:
            How many were moved. A file that is not what its row says stays where it is.
        """
        async with self._changing_places:
            return await self._move(post, targets, moving.intend_to_trash)

    async def _restore(self, post: Post, targets: Sequence[str]) -> int:
        return await self._move(post, targets, moving.intend_to_restore)

    @uninterrupted
    async def _move(
        self,
        post: Post,
        targets: Sequence[str],
        intend: Callable[[Connection, int, Sequence[str], datetime], list[moving.Move]],
    ) -> int:
        now = self._now()
        moves = await self._write(lambda c: intend(c, self._posts.version_of(c, post, None, now), tuple(targets), now))
        carried = await self._mover.carry_out(moves)
        return carried.done - carried.came_back

    async def read_rendition(self, stored: StoredRendition) -> bytes | None:
        """A rendition's bytes, or None when the file is gone or no longer what its row says."""
        return await self._on_disk(lambda: read_rendition(self._tree, stored))

    async def set_aside(self, report: VerifyReport) -> int:
        """Take what `verify` found damaged or missing out of the way; foreign files are left alone.

        Returns:
            How many rows were changed. Damaged bytes lie in `damaged/` afterwards.
        """
        now = self._now()
        moved = await self._on_disk(lambda: quarantine.move_aside(self._tree, report.damaged))
        damaged = tuple(zip(report.damaged, moved, strict=True))
        return await self._write(lambda c: quarantine.record(c, report.missing, damaged, now))

    # --- models --------------------------------------------------------------------------------------------------

    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None:
        """Enter a model whose files are in place; `activate` makes it the target's one active model.

        Raises:
            RefusedRequest: its number belongs to another model.
        """
        now = self._now()
        await self._write(lambda c: models.register(c, card, facts, activate=activate, now=now))

    async def activate_model(self, target: str, number: int) -> RegisteredModel:
        """Put a registered model in force and the one before out of it, in one transaction.

        Raises:
            RefusedRequest: the target has no model of that number; it names those that there are.
        """
        now = self._now()
        return await self._write(lambda c: models.activate(c, target, number, now))

    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int:
        """Record what a model says of many known pictures at once; its decisions are current from now on.

        Returns:
            How many decisions are new; the others were made before.
        Raises:
            RefusedRequest: the columns are not equally long, or a decision is another target's.
        """
        now = self._now()
        return await self._write(lambda c: rescores.file_rescores(c, self._looks, card, batch, now))

    async def file_assignments(self, assignments: SplitAssignments) -> None:
        """Record which part of a target's learning each picture is in, for good, and hashes that were missing.

        Raises:
            RefusedRequest: the columns are not equally long, or a part has no name.
        """
        await self._write(lambda c: file_assignments(c, assignments))

    async def active_model(self, target: str) -> RegisteredModel | None:
        """The model in force for a target."""
        return await self._read(lambda c: models.active_model(c, target))

    async def next_model_number(self, target: str) -> int:
        """The number for a model that is about to be made."""
        return await self._read(lambda c: models.next_number(c, target))

    async def models(self, target: str | None = None) -> Sequence[RegisteredModel]:
        """The registered models, by target and number."""
        return await self._read(lambda c: models.models(c, target))

    # --- inside --------------------------------------------------------------------------------------------------

    def _record_original(
        self,
        connection: Connection,
        attempt_id: int,
        post: Post,
        paths: Mapping[str, str],
        digest: Digest,
        now: datetime,
    ) -> None:
        version = self._posts.version_of(connection, post, None, now)
        originals.file_rows(connection, version, paths, digest, now)
        looks.end_attempt(connection, attempt_id, "done", None, now)
        looks.clear_trouble(connection, version)

    async def _on_disk(self, work: Callable[[], T]) -> T:
        """Work on files in a thread of its own; cancelling the caller does not interrupt it."""

        def bordered() -> T:
            with at_border(self.root):
                self._keep_reserve()
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._files, bordered)

    async def _on_disk_to_the_last(self, work: Callable[[], T]) -> T:
        """The same without a look at the reserve: moving and removing files needs no room, and may make some."""
        return await asyncio.get_running_loop().run_in_executor(self._files, lambda: self._bordered(work))

    def _bordered(self, work: Callable[[], T]) -> T:
        with at_border(self.root):
            return work()

    def _keep_reserve(self) -> None:
        """Stop while there is still enough room to commit and to clean up."""
        reserve = self._settings.reserve_bytes
        if reserve and self._settings.disk.free_bytes(self.root) < reserve:
            kept_free = f"the reserve of {reserve / 1e6:.0f} MB"
            raise ReserveReached(f"{self.root}: {free_words(self.root)}, less than {kept_free}")

    async def _write(self, operation: Callable[[Connection], T]) -> T:
        return await self._writer.do(operation)

    async def _read(self, operation: Callable[[Connection], T]) -> T:
        return await self._reads.do(operation, self._database)

    def _forget(self) -> None:
        self._posts.forget()
        self._looks.forget()


def open_reader(root: Path) -> Reader:
    """Look at a gallery without owning it: queries, status, digest; works beside a running crawl.

    Raises:
        WrongRoot: there is no gallery.
        DatabaseError: it cannot be read.
    """
    return Reader.open(root)
