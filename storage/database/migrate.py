"""Bring a database to this program's schema: all or nothing, after a verified backup."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from migrations import HEAD
from storage.database.engine import Database, database_behind
from storage.database.error_translation import at_border
from storage.database.schema import refuse_unknown, schema_of
from storage.database.tables import Base
from storage.errors import DatabaseDamaged

if TYPE_CHECKING:
    from alembic.config import Config


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done to the schema."""

    before: str | None
    after: str
    backup: Path | None


def migrate(database: Database, backups: Path) -> Migrated:
    """Upgrade the database when it is older than this program.

    The steps run in one transaction: killed at any moment, the database has the old schema or the new one.

    Raises:
        DatabaseNewer: its schema is unknown here; it is left alone.
        DatabaseDamaged: it has no schema of this program.
    """
    engine = database.writing_engine()
    with at_border(database):
        try:
            with engine.connect() as connection:
                before = schema_of(connection, database)
                connection.rollback()
                if before == HEAD:
                    return Migrated(before, HEAD, None)
                refuse_unknown(before, database)
            backup = database.back_up(backups, f"before-{HEAD}")
            with engine.connect() as connection:
                upgrade(connection)
        finally:
            engine.dispose()
    return Migrated(before, HEAD, backup)


def build(database: Database) -> None:
    """Give an empty database this program's schema, by running every step."""
    engine = database.writing_engine()
    try:
        with engine.connect() as connection:
            database.begin_schema(connection)
            upgrade(connection)
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing steps in one transaction of their own."""
    from alembic import command  # here, because a gallery whose schema is current needs no Alembic

    database = database_behind(connection)
    database.before_steps(connection)  # steps may rebuild tables; all references are checked below
    with connection.begin():
        command.upgrade(steps_on(connection), revision)
        if orphans := database.orphans(connection):
            raise DatabaseDamaged(f"the upgrade would leave {len(orphans)} rows without what they refer to; undone")


def steps_on(connection: Connection) -> Config:
    """The steps as Alembic's commands take them, to be run on this connection, in its transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["target_metadata"] = Base.metadata  # its naming convention names what the steps leave unnamed
    return config
