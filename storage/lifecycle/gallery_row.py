"""Whose a database is: the gallery's own row, which a new database gets and every other is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, insert, select

from storage.database.engine import Database
from storage.database.engines.postgres import PostgresDatabase
from storage.database.error_translation import at_border
from storage.database.migrate import build
from storage.database.tables import GalleryRow
from storage.errors import WrongRoot


def build_on_server(database: PostgresDatabase) -> None:
    """Build the schema on a server unless it is there.

    Raises:
        DatabaseError: the database is another program's, or cannot be reached.
    """
    with at_border(database), connected(database) as connection:
        is_empty = not database.has_schema(connection)
        connection.rollback()
    if is_empty:
        with at_border(database):
            build(database)


def ids_on_server(database: PostgresDatabase) -> list[str]:
    """Whose a server's database is: one id, or none; none, too, where it has no schema yet.

    Raises:
        DatabaseError: it cannot be reached.
    """
    engine = database.reading_engine()
    with at_border(database):
        try:
            with engine.connect() as connection:
                return stored_ids(connection) if database.has_schema(connection) else []
        finally:
            engine.dispose()


def enter_gallery(database: Database, identity: str, created_at: datetime, known_as: Collection[str]) -> bool:
    """Let a database with the schema be a gallery's; whether it was already.

    Args:
        database: of which we are the owner.
        identity: what stands in the row that is made where there is none.
        created_at: of the gallery; with a time zone.
        known_as: what may stand in the row that is there.
    Raises:
        WrongRoot: the database is another gallery's.
    """
    with at_border(database), connected(database) as connection, connection.begin():
        stored = connection.execute(select(GalleryRow.id)).scalars().all()
        if not stored:
            connection.execute(insert(GalleryRow).values(id=identity, created_at=created_at))
    if len(stored) > 1 or not set(stored) <= set(known_as):
        raise WrongRoot(f"{database}: holds another gallery than {database.folder}; make an empty one: createdb NAME")
    return bool(stored)


def stored_ids(connection: Connection) -> list[str]:
    """Whose the database is: one id, or none; outside of transactions."""
    stored = list(connection.execute(select(GalleryRow.id)).scalars())
    connection.rollback()
    return stored


@contextmanager
def connected(database: Database) -> Iterator[Connection]:
    """A connection that writes, as the gallery's owner."""
    engine = database.writing_engine()
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
