"""Bring a database to this program's schema: all or nothing, after a verified backup."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from migrations import HEAD
from storage.backup import back_up
from storage.database import APPLICATION_ID, in_transaction, set_foreign_keys, writing_engine
from storage.errors import DatabaseDamaged, DatabaseNewer
from storage.translate import at_border


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was done to the schema."""

    before: str | None
    after: str
    backup: Path | None


def migrate(database: Path, backups: Path) -> Migrated:
    """Upgrade the database when it is older than this program.

    The steps run in one transaction: killed at any moment, the database has the old schema or the new one.

    Raises:
        DatabaseNewer: its schema is unknown here; it is left alone.
        DatabaseDamaged: it has no schema of ours.
    """
    engine = writing_engine(database)
    with at_border(database):
        try:
            with engine.connect() as connection:
                before = schema_of(connection, database)
                connection.rollback()
                if before == HEAD:
                    return Migrated(before, HEAD, None)
                _refuse_unknown(before, database)
            backup = back_up(database, backups, f"before-{HEAD}")
            with engine.connect() as connection:
                upgrade(connection)
        finally:
            engine.dispose()
    return Migrated(before, HEAD, backup)


def build(database: Path) -> None:
    """Give an empty database file this program's schema, by running every step."""
    engine = writing_engine(database)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.commit()
            upgrade(connection)
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing steps in one transaction of their own."""
    from alembic import command  # here, because a gallery whose schema is current needs no Alembic
    from alembic.config import Config

    set_foreign_keys(connection, on=False)  # steps may rebuild tables; all references are checked below
    with connection.begin():
        config = Config()
        config.set_main_option("script_location", str(files("migrations")).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            raise DatabaseDamaged(f"the upgrade would leave {len(orphans)} rows without what they refer to; undone")


def schema_of(connection: Connection, database: Path) -> str | None:
    """The schema's name as the database says, or None when the table of it is empty."""
    try:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        if in_transaction(connection) and "alembic_version" in inspect(connection).get_table_names():
            raise
        raise DatabaseDamaged(f"{database}: holds no gallery; put a backup in its place") from error


def _refuse_unknown(before: str | None, database: Path) -> None:
    known = {path.name.split("_", 1)[0] for path in (Path(str(files("migrations"))) / "versions").glob("[0-9]*.py")}
    if before is not None and before not in known:
        raise DatabaseNewer(
            f"{database}: was written by a newer program (schema {before}, this one knows {HEAD}); upgrade boorusieve"
        )
