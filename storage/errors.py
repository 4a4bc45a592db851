"""What can go wrong with the gallery on disk, and what the caller does next.

ArchiveError            never raised itself; every class says its process exit code
├── RefusedRequest      2   ask for something else; nothing was done
│   ├── BadName             a text that cannot be a tag, a target's name or a model's
│   ├── RefusedRoot         this folder must not become a gallery
│   ├── UnreadableFile      a small file that the user named is not there, or is no such file
│   ├── NoEmbeddings        no network has looked at the pictures that are to be compared
│   └── QueryError          an expression cannot be read; carries the term and, where there is one, a suggestion
│       └── CannotMatch     the term is fine, but only the site (or only the database) can evaluate it
├── RefusedFile         3   this one file cannot be stored (not the published bytes, unknown type); go on with the next
├── StorageError        7   stop: the disk refuses (I/O error, read-only, a link where a file should be)
│   ├── DiskFull            free some space, run again
│   │   └── ReserveReached  the same, before anything was begun
│   ├── ObjectsUnreachable  the object store does not answer, or refuses us; run again when it does not
│   ├── BadPath             a row is damaged; go on without its file, `crawl verify` names it
│   └── WrongRoot           the folder is missing, not mounted, or belongs to another database
├── DatabaseError       8   stop: the database refuses
│   ├── DatabaseBusy        another program holds it for too long; run again
│   ├── DatabaseDamaged     restore a backup; the file was left untouched
│   ├── DatabaseUnreachable no server answers, or it went away; run again when it is there
│   ├── DatabaseMissing     restore a backup; the gallery has files and no database
│   ├── DatabaseNewer       written by a newer program; upgrade this one
│   └── DatabaseOlder       written by an older one; open it for writing, which upgrades it
├── GalleryBusy         9   another crawl owns the gallery; wait for it
├── FolderBusy          9   another crawl writes into the same folder, or labels it; wait for it
└── BrakeEngaged        12  more would leave than a change of mind explains; look, then confirm

All but `RefusedFile` are `storage.records.RunError`: in the middle of a run they end it.

`OSError`, `sqlite3.Error`, psycopg's and SQLAlchemy's exceptions are translated at this room's border
(`storage.database.error_translation`); nobody else has to know them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

from storage.run_error import DocumentedError, RunError


class ArchiveError(DocumentedError):
    """Anything this room raises on purpose."""


class RefusedRequest(ArchiveError, RunError):
    """The request was refused before anything was done."""

    exit_code = 2


class BadName(RefusedRequest):
    """A text that cannot be a tag, a target's name or a model's name; says why."""


class RefusedRoot(RefusedRequest):
    """This folder must not become a gallery."""


class NoEmbeddings(RefusedRequest):
    """Pictures cannot be compared: no network has looked at them."""


class UnreadableFile(RefusedRequest):
    """A small file that the user named cannot be read as what it should be.

    Args:
        path: which file.
        problem: what is wrong with it, as the end of a sentence about it.
    """

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path
        self.problem = problem


class QueryError(RefusedRequest):
    """An expression that cannot be read.

    Args:
        term: the offending part, as typed.
        problem: what is wrong with it, without the term.
        suggestion: what the user may have meant.
    """

    def __init__(self, term: str, problem: str, suggestion: str | None = None) -> None:
        hint = f"; did you mean {suggestion}?" if suggestion else ""
        super().__init__(f"{term!r}: {problem}{hint}")
        self.term = term
        self.problem = problem
        self.suggestion = suggestion


class CannotMatch(QueryError):
    """The term has a meaning, but not here: what it asks for is not among the facts at hand."""


class RefusedFile(ArchiveError):
    """One file that must not be stored; its post stays open, the others go on."""

    exit_code = 3


class StorageError(ArchiveError, RunError):
    """The disk refuses; the message names the path."""

    exit_code = 7


class ObjectsUnreachable(StorageError):
    """The object store that holds the pictures does not answer, or refuses us; nothing is known of the objects."""


class BadPath(StorageError):
    """A row names a path that no file of a gallery can have; nothing was looked for there."""


class DiskFull(StorageError):
    """No space, no inode, over the quota, or over the file size limit."""


class ReserveReached(DiskFull):
    """Less is free than is to stay free; nothing was begun, and what is in flight can still be ended and cleaned up."""


class WrongRoot(StorageError):
    """The folder and the database do not belong together, or the folder is not there."""


class DatabaseError(ArchiveError, RunError):
    """The database refuses."""

    exit_code = 8


class DatabaseBusy(DatabaseError):
    """Another program held the write lock for longer than we wait."""


class DatabaseUnreachable(DatabaseError):
    """No server answers, or the connection was lost; what was recorded before is safe."""


class DatabaseDamaged(DatabaseError):
    """The file is no database of this program, or no longer a whole one; it was left untouched."""


class DatabaseMissing(DatabaseError):
    """The gallery has files, but its database is gone."""


class DatabaseNewer(DatabaseError):
    """A newer version of this program wrote the database."""


class DatabaseOlder(DatabaseError):
    """An older version of this program wrote the database; it has to be upgraded before it is read."""

    def __init__(self, message: str, *, may_be_upgraded: bool) -> None:
        """Say so.

        Args:
            message: for people.
            may_be_upgraded: whether something can be written there.
        """
        super().__init__(message)
        self.may_be_upgraded = may_be_upgraded


class GalleryBusy(ArchiveError, RunError):
    """Another process owns this gallery."""

    exit_code = 9


class FolderBusy(ArchiveError, RunError):
    """Another process writes into the same folder."""

    exit_code = 9


class BrakeEngaged(ArchiveError, RunError):
    """Files would leave or be destroyed, and nobody has confirmed it; nothing was touched."""

    exit_code = 12
