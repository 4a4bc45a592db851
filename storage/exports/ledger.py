"""What an export wrote into its folder: the one place that knows which files there are the program's own.

A database of its own in that folder, so that an export can be continued, updated and withdrawn from without the
gallery, and in memory that does not grow with it. When it is lost, the files stay and are the user's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from storage.database.error_translation import at_border
from storage.errors import RefusedRequest

NAME = ".crawl-export.db"
_VERSION = 1
_APPLICATION_ID = 0x62_73_76_65  # "bsve"

_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id={_APPLICATION_ID};
PRAGMA user_version={_VERSION};
CREATE TABLE export (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE sample (
  site TEXT NOT NULL, post_id INTEGER NOT NULL, target TEXT NOT NULL,
  place TEXT NOT NULL, run INTEGER NOT NULL, facts TEXT NOT NULL,
  PRIMARY KEY (site, post_id, target)
) WITHOUT ROWID;
CREATE INDEX sample_place ON sample (place, site, post_id, target);
CREATE TABLE file (
  path TEXT PRIMARY KEY, kind TEXT NOT NULL, size INTEGER NOT NULL, digest TEXT NOT NULL, made_from TEXT NOT NULL,
  site TEXT NOT NULL, post_id INTEGER NOT NULL, target TEXT NOT NULL, run INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX file_sample ON file (site, post_id, target);
CREATE TABLE withdrawn (site TEXT NOT NULL, post_id INTEGER NOT NULL, PRIMARY KEY (site, post_id)) WITHOUT ROWID;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class SampleKey:
    """One post and target of an export; empty for files that are nobody's in particular."""

    site: str = ""
    post_id: int = 0
    target: str = ""


NOBODYS = SampleKey()


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A file that an export wrote."""

    path: str  # relative to the export's folder, with slashes
    kind: str  # picture | caption | settings | index | shard
    size: int  # bytes; of a link, of what it says
    digest: str  # SHA-256 of a text; "" of pictures, which are told by their size
    made_from: str  # what would have to change for it to be written again
    sample: SampleKey = NOBODYS


@dataclass(frozen=True, slots=True)
class LedgerSample:
    """What an export says of a post."""

    key: SampleKey
    place: str  # what it is sorted by: its split and folder, or its shard
    facts: Mapping[str, Any]  # a row of the manifest


class Ledger:
    """Open it with `with`; whoever does has locked the folder. Nothing is written before the first `begin`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.run = 0
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Ledger:
        with at_border(self.path):
            if self.path.exists():
                self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            with closing(self._connection) as connection, at_border(self.path):
                connection.commit()  # what was recorded is on disk, however the work ended

    @property
    def exists(self) -> bool:
        """Whether there was an export before."""
        return self._connection is not None

    @property
    def format(self) -> str:
        """Which format the export has; "" where there is none yet."""
        return self._fact("format") if self.exists else ""

    def begin(self, format_: str) -> None:
        """Start a run that writes, or go on with an export."""
        with at_border(self.path):
            if self._connection is None:
                self._open()
            self._set("format", format_)
            self.run = int(self._fact("run") or 0) + 1
            self._set("run", str(self.run))
            self.commit()

    def commit(self) -> None:
        """Make what was recorded durable."""
        with at_border(self.path):
            self._database.commit()

    # --- files -----------------------------------------------------------------------------------------------------

    def file(self, path: str) -> LedgerFile | None:
        """The file of that path, if it is the program's."""
        row = self._one("SELECT * FROM file WHERE path = ?", path)
        return None if row is None else _file(row)

    def files_of(self, key: SampleKey) -> list[LedgerFile]:
        """The files of a sample, earlier runs' too."""
        where = "SELECT * FROM file WHERE site = ? AND post_id = ? AND target = ? ORDER BY path"
        return [_file(row) for row in self._all(where, key.site, key.post_id, key.target)]

    def record(self, file: LedgerFile) -> None:
        """A file is there, and wanted in this run."""
        key = file.sample
        self._do(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(file.path, file.kind, file.size, file.digest, file.made_from),
            *(key.site, key.post_id, key.target, self.run),
        )

    def forget(self, path: str) -> None:
        """A file is no longer the program's."""
        self._do("DELETE FROM file WHERE path = ?", path)

    def stale_files(self) -> Iterator[LedgerFile]:
        """Files that earlier runs wrote and this one did not want, by path; they may be forgotten meanwhile."""
        last = ""
        following = "SELECT * FROM file WHERE run < ? AND path > ? ORDER BY path LIMIT 500"
        while rows := self._all(following, self.run, last):
            yield from map(_file, rows)
            last = rows[-1]["path"]

    # --- samples ---------------------------------------------------------------------------------------------------

    def add_sample(self, sample: LedgerSample) -> None:
        """A post is part of the export in this run."""
        key, facts = sample.key, json.dumps(sample.facts, ensure_ascii=False)
        self._do(
            "INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?, ?, ?)",
            *(key.site, key.post_id, key.target, sample.place, self.run, facts),
        )

    def keep_sample(self, key: SampleKey) -> bool:
        """Let a sample and its files stay as an earlier run left them; False: there is none."""
        values = (self.run, key.site, key.post_id, key.target)
        self._do("UPDATE file SET run = ? WHERE site = ? AND post_id = ? AND target = ?", *values)
        return self._do("UPDATE sample SET run = ? WHERE site = ? AND post_id = ? AND target = ?", *values) > 0

    def drop_stale_samples(self) -> int:
        """Forget samples that this run did not want; gives how many."""
        return self._do("DELETE FROM sample WHERE run < ?", self.run)

    def drop_sample(self, key: SampleKey) -> None:
        """Forget a sample."""
        self._do("DELETE FROM sample WHERE site = ? AND post_id = ? AND target = ?", key.site, key.post_id, key.target)

    def samples(self, place: str = "") -> Iterator[LedgerSample]:
        """The samples below a place, by place, site, post and target; all of them where none is named."""
        last = ("", "", 0, "")
        pattern = place.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]") + "*"
        following = (
            "SELECT * FROM sample WHERE (place, site, post_id, target) > (?, ?, ?, ?) AND place GLOB ? "
            "ORDER BY place, site, post_id, target LIMIT 500"
        )
        while rows := self._all(following, *last, pattern):
            yield from map(_sample, rows)
            end = rows[-1]
            last = (end["place"], end["site"], end["post_id"], end["target"])

    def places(self) -> dict[str, int]:
        """How many samples each place has."""
        rows = self._all("SELECT place, count(*) AS number FROM sample GROUP BY place ORDER BY place")
        return {row["place"]: row["number"] for row in rows}

    def samples_of(self, post_id: int) -> list[LedgerSample]:
        """The samples of a post, for every target and of every site that has that number."""
        return [_sample(row) for row in self._all("SELECT * FROM sample WHERE post_id = ?", post_id)]

    # --- withdrawals -----------------------------------------------------------------------------------------------

    def withdraw(self, site: str, post_id: int) -> None:
        """A post is never to be exported here again."""
        self._do("INSERT OR IGNORE INTO withdrawn VALUES (?, ?)", site, post_id)

    def is_withdrawn(self, site: str, post_id: int) -> bool:
        """Whether a post was withdrawn."""
        return self._one("SELECT 1 AS yes FROM withdrawn WHERE site = ? AND post_id = ?", site, post_id) is not None

    # --- the database itself ---------------------------------------------------------------------------------------

    @property
    def _database(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the ledger was not begun")
        return self._connection

    def _open(self) -> None:
        there = self.path.exists() and self.path.stat().st_size > 0  # empty: killed before the first commit
        connection = sqlite3.connect(self.path, isolation_level="IMMEDIATE", check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA trusted_schema=OFF")
            if not there:
                connection.executescript(_SCHEMA)
            identity = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if identity != _APPLICATION_ID or version != _VERSION:
                raise RefusedRequest(f"{self.path} is no record of an export that this program can read; move it away")
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _fact(self, name: str) -> str:
        row = self._one("SELECT value FROM export WHERE name = ?", name)
        return "" if row is None else str(row["value"])

    def _set(self, name: str, value: str) -> None:
        self._do("INSERT OR REPLACE INTO export VALUES (?, ?)", name, value)

    def _do(self, statement: str, *values: object) -> int:
        with at_border(self.path):
            return self._database.execute(statement, values).rowcount

    def _all(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with at_border(self.path):
            return self._database.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: object) -> sqlite3.Row | None:
        return next(iter(self._all(statement, *values)), None)


def _file(row: sqlite3.Row) -> LedgerFile:
    key = SampleKey(row["site"], row["post_id"], row["target"])
    return LedgerFile(row["path"], row["kind"], row["size"], row["digest"], row["made_from"], key)


def _sample(row: sqlite3.Row) -> LedgerSample:
    return LedgerSample(SampleKey(row["site"], row["post_id"], row["target"]), row["place"], json.loads(row["facts"]))
