"""A download archive of gallery-dl: a SQLite file with a table of keys, one a file that it fetched. Only ever read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from storage.database.engines.sqlite import reading_uri
from storage.errors import UnreadableFile
from system.regular_files import UnsafeFile, open_regular

LARGEST_ARCHIVE = 1 << 34  # bytes
_COLUMN = "entry"  # of every table that gallery-dl keeps keys in, whatever `archive-table` calls it

Key = tuple[str, int]  # the category of a site, and a post's number


@dataclass(frozen=True, slots=True)
class ArchivedPost:
    """A post that an archive has."""

    key: Key | None  # None: every key that is no post's
    keys: int  # how many there are of it: one a search that found it
    example: str  # one of them


def check_archive(path: Path) -> None:
    """Refuse what is no archive.

    Raises:
        UnreadableFile: it is not there, or is none.
    """
    with _opened(path) as connection:
        _tables(connection, path)


def archived_posts(path: Path, read: Callable[[str], Key | None]) -> Iterator[ArchivedPost]:
    """Every post of an archive once; memory does not grow with it, SQLite sorts on the disk.

    Args:
        path: the archive.
        read: what a key says; None: nothing of ours.

    Raises:
        UnreadableFile: it is not there, or is no such archive.
    """
    with _opened(path) as connection:
        tables = _tables(connection, path)
        connection.create_function("post_of", 1, lambda key: _as_text(read, key), deterministic=True)
        entries = " UNION ALL ".join(f"SELECT {_COLUMN} FROM {table}" for table in tables)  # noqa: S608 - quoted names
        posts = f"SELECT post_of({_COLUMN}) AS post, count(*), min({_COLUMN}) FROM ({entries}) GROUP BY post"  # noqa: S608 - of its own list of tables
        for post, keys, example in connection.execute(posts):
            yield ArchivedPost(_as_key(post), keys, str(example))


def _as_text(read: Callable[[str], Key | None], key: object) -> str | None:
    found = read(key) if isinstance(key, str) else None
    return None if found is None else f"{found[0]}/{found[1]}"


def _as_key(text: str | None) -> Key | None:
    if text is None:
        return None
    category, _, number = text.rpartition("/")
    return category, int(number)


def _tables(connection: sqlite3.Connection, path: Path) -> list[str]:
    """The names of the tables with keys, quoted; at least one.

    Raises:
        UnreadableFile: there is none.
    """
    names = connection.execute(
        "SELECT m.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c "
        "WHERE m.type = 'table' AND c.name = ? ORDER BY m.name",
        (_COLUMN,),
    ).fetchall()
    if not names:
        raise UnreadableFile(path, f"is no archive of gallery-dl: no table in it has a column called {_COLUMN}")
    return ['"' + name.replace('"', '""') + '"' for (name,) in names]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        open_regular(path, LARGEST_ARCHIVE).close()
        with closing(sqlite3.connect(reading_uri(path), uri=True, check_same_thread=False)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            yield connection
    except UnsafeFile as unsafe:
        raise UnreadableFile(path, unsafe.why) from None
    except OSError as error:
        raise UnreadableFile(path, f"cannot be read: {error.strerror}") from None
    except sqlite3.Error as error:
        raise UnreadableFile(path, f"is no archive that can be read: {error}") from None
