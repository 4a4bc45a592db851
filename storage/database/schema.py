"""Which schema version a database has, read without loading Alembic."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from migrations import HEAD
from storage.database.engine import Database
from storage.errors import DatabaseDamaged, DatabaseNewer, DatabaseOlder


def schema_of(connection: Connection, database: Database) -> str | None:
    """The schema's name as the database says, or None when the table of it is empty."""
    try:
        version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if not database.in_transaction(connection) or "alembic_version" in inspect(connection).get_table_names():
            raise
        raise DatabaseDamaged(f"{database}: holds no gallery; put a backup in its place") from error
    return None if version is None else str(version)


def known_schemas() -> Sequence[str]:
    """The names of all schemas up to this program's, in order."""
    steps = (Path(str(files("migrations"))) / "versions").glob("[0-9]*.py")
    return sorted(path.name.split("_", 1)[0] for path in steps)


def refuse_unknown(schema: str | None, database: Database) -> None:
    """Refuse what a newer program wrote."""
    if schema is not None and schema not in known_schemas():
        raise DatabaseNewer(
            f"{database}: was written by a newer program (schema {schema}, this one knows {HEAD}); upgrade boorusieve"
        )


def require_current(connection: Connection, database: Database) -> None:
    """Refuse to read what has another schema: only the gallery's owner upgrades it.

    Raises:
        DatabaseNewer: upgrade this program.
        DatabaseOlder: open the gallery for writing, which upgrades it, then read.
    """
    schema = schema_of(connection, database)
    if schema == HEAD:
        return
    refuse_unknown(schema, database)
    older = f"{database}: has the older schema {schema}"
    if os.access(database.folder, os.W_OK):
        raise DatabaseOlder(
            f"{older}; every command upgrades it to {HEAD}, but not crawl doctor or --dry-run", may_be_upgraded=True
        )
    raise DatabaseOlder(
        f"{older}, and nothing can be written there; copy the gallery to where it can, and every command upgrades it",
        may_be_upgraded=False,
    )
