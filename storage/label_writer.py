"""Labels beside a running crawl: short writes of their own, without the gallery's lock, touching no file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType

from storage.archive_records import Click, Conflict, Label, Relabelled, Saved, utc_now
from storage.database.engine import BUSY_TIMEOUT_S
from storage.database.error_translation import at_border, not_writable
from storage.errors import RefusedRequest
from storage.reader import Reader
from storage.rows.labels import file_click, file_labels

BATCH = 500  # labels that share one transaction, so that a crawl never waits long


class Labelling:
    """Writes labels into a gallery that somebody else may own. Use it with `with`."""

    def __init__(
        self, root: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S, clock: Callable[[], datetime] = utc_now
    ) -> None:
        """Open.

        Args:
            root: the gallery.
            busy_timeout_s: how long to wait for another program's write.
            clock: says when labels are given; with a time zone.
        Raises:
            WrongRoot: there is no gallery.
            StorageError: nothing can be written there.
            DatabaseError: it cannot be written by this program.
        """
        self.reader = Reader.open(root)
        self._database = self.reader.database
        self._now = clock
        if not os.access(self.reader.root, os.W_OK):
            self.reader.close()
            raise not_writable(self.reader.root)
        self._engine = self._database.writing_engine(busy_timeout_s=busy_timeout_s, owner=False)

    def __enter__(self) -> Labelling:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()
        self.reader.close()

    def relabel(self, labels: Sequence[Label]) -> Relabelled:
        """Append labels; those of a batch are durable when the next one begins, all of them on return.

        Raises:
            DatabaseBusy: a crawl held the database for too long; nothing of the batch was recorded, the same keys may
                be sent again.
        """
        recorded = repeated = 0
        unknown: list[int] = []
        hidden: list[int] = []
        for start in range(0, len(labels), BATCH):
            with at_border(self._database), self._engine.connect() as connection, connection.begin():
                done = file_labels(connection, labels[start : start + BATCH], self._now())
            recorded += done.recorded
            repeated += done.repeated
            unknown += done.unknown
            hidden += done.hidden
        return Relabelled(recorded, repeated, tuple(unknown), tuple(hidden))

    def record(self, clicks: Sequence[Click]) -> Sequence[Saved | Conflict]:
        """Append labels that people gave on a screen; durable when this returns, all or nothing.

        An undo is a click too: it carries the value from before, or `clear` where there was none. A click that was sent
        before is answered as the first time; one that did not see the newest label, or the current picture, gets
        what holds now and records nothing.

        Raises:
            RefusedRequest: a post is unknown or its picture was never visible, a key was another label's, or there
                are more than `BATCH` clicks; nothing was recorded.
            DatabaseBusy: a crawl held the database for too long; send the same keys again.
        """
        if len(clicks) > BATCH:
            raise RefusedRequest(f"{len(clicks)} labels at once; send at most {BATCH}")
        with at_border(self._database), self._engine.connect() as connection, connection.begin():
            now = self._now()
            return [file_click(connection, click, now) for click in clicks]
