"""Bring a database to this program's schema: all or nothing, after a verified backup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from migrations import HEAD
from storage.database.engine import Database, database_behind
from storage.database.error_translation import at_border
from storage.database.schema import known_schemas, refuse_unknown, schema_of
from storage.database.slow_work import SlowWork
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


def migrate(database: Database, backups: Path, work: SlowWork) -> Migrated:
    """Upgrade the database when it is older than this program.

    The steps run in one transaction: killed at any moment, the database has the old schema or the new one.

    Args:
        database: to upgrade.
        backups: where the copy goes.
        work: tells what is under way; a large gallery takes minutes.

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
            with work:
                work.part(f"backing up {database} before its upgrade from schema {before} to {HEAD}")
                backup = database.back_up(backups, f"before-{HEAD}")
                with engine.connect() as connection:
                    upgrade(connection, on_step=lambda done: work.part(_part_of(database, before, done)))
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


def _part_of(database: Database, before: str | None, done: str | None) -> str:
    """What is done after a step, in words: killed now, the old schema is there."""
    all_steps = [name for name in known_schemas() if name > (before or "")]
    left = [name for name in all_steps if name > (done or before or "")]
    if not left:
        return f"upgrading {database}: checking what refers to what"
    return f"upgrading {database}: step {len(all_steps) - len(left) + 1} of {len(all_steps)}, schema {left[0]}"


def upgrade(
    connection: Connection, revision: str = "head", on_step: Callable[[str | None], None] = lambda done: None
) -> None:
    """Run the missing steps in one transaction of their own.

    Args:
        connection: to the database, outside transactions.
        revision: up to which schema.
        on_step: called before the first step, and after each with its schema's name.
    """
    from alembic import command  # here, because a gallery whose schema is current needs no Alembic

    database = database_behind(connection)
    database.before_steps(connection)  # steps may rebuild tables; all references are checked below
    with connection.begin():
        on_step(None)
        command.upgrade(steps_on(connection, on_step), revision)
        if orphans := database.orphans(connection):
            raise DatabaseDamaged(f"the upgrade would leave {len(orphans)} rows without what they refer to; undone")


def steps_on(connection: Connection, on_step: Callable[[str | None], None] = lambda done: None) -> Config:
    """The steps as Alembic's commands take them, to be run on this connection, in its transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["on_step"] = on_step
    config.attributes["target_metadata"] = Base.metadata  # its naming convention names what the steps leave unnamed
    return config
