"""Which schema version a database has, read without loading Alembic."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from migrations import HEAD
from storage.database.engine import Database
from storage.errors import DatabaseDamaged, DatabaseError, DatabaseNewer


def schema_of(connection: Connection, database: Database) -> str | None:
    """The schema's name as the database says, or None when the table of it is empty."""
    try:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if not database.in_transaction(connection) or "alembic_version" in inspect(connection).get_table_names():
            raise
        raise DatabaseDamaged(f"{database}: holds no gallery; put a backup in its place") from error
    return None if version is None else str(version)


def refuse_unknown(schema: str | None, database: Database) -> None:
    """Refuse what a newer program wrote."""
    known = {path.name.split("_", 1)[0] for path in (Path(str(files("migrations"))) / "versions").glob("[0-9]*.py")}
    if schema is not None and schema not in known:
        raise DatabaseNewer(
            f"{database}: was written by a newer program (schema {schema}, this one knows {HEAD}); upgrade boorusieve"
        )


def require_current(connection: Connection, database: Database) -> None:
    """Refuse to read what has another schema: only the gallery's owner upgrades it.

    Raises:
        DatabaseNewer: upgrade this program.
        DatabaseError: run `crawl verify` or `crawl` once, which upgrades the database.
    """
    schema = schema_of(connection, database)
    if schema != HEAD:
        refuse_unknown(schema, database)
        where = "" if os.access(database.folder, os.W_OK) else " (of a copy that can be written, for here nothing can)"
        raise DatabaseError(f"{database}: has the older schema {schema}; the next crawl{where} upgrades it to {HEAD}")
