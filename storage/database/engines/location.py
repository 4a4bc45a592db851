"""Which database holds a gallery's rows: the file beside its pictures, or one on a server that the root remembers."""

from __future__ import annotations

from pathlib import Path

from storage.database.engine import Database
from storage.database.engines.moved import stored_address
from storage.database.engines.postgres import PostgresDatabase, checked_url
from storage.database.engines.sqlite import SqliteDatabase
from storage.errors import RefusedRequest, WrongRoot
from storage.files.layout import ADDRESS, DATABASE


def database_of(root: Path) -> Database:
    """The database of the gallery with this root, whether it is there or not.

    Raises:
        WrongRoot: the root remembers something that is no address.
    """
    address = remembered_address(root)
    return SqliteDatabase(root / DATABASE) if address is None else PostgresDatabase(address, root)


def remembered_address(root: Path) -> str | None:
    """Where on a server the gallery's rows are; None: they are in a file, or there is no gallery.

    Raises:
        WrongRoot: what is remembered is no address.
    """
    try:
        words = stored_address(root)
        return None if words is None else checked_url(words)
    except (RefusedRequest, UnicodeDecodeError) as error:
        raise WrongRoot(f"{root / ADDRESS}: does not say where the database is ({error})") from None


def has_database(root: Path) -> bool:
    """Whether a root is that of a gallery, as far as can be said without asking its database."""
    return database_of(root).exists
