"""What a database needs while another one's rows are written into it: guards that rest, numbers that go on.

Guards ask whether an event may happen now; what is copied happened long ago. They rest inside one transaction only, so
that a program that is killed leaves them in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table, func, select, text

from storage.database.engine import database_behind

_TRIGGERS = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table ORDER BY rowid")
_GIVEN_IN_A_FILE = text("SELECT seq FROM sqlite_sequence WHERE name = :table")
_SEQUENCE = text("SELECT pg_get_serial_sequence(:table, :key)")
_GIVEN = text("SELECT pg_sequence_last_value(CAST(:sequence AS regclass))")  # NULL: none was given yet
_GO_ON = text("SELECT setval(CAST(:sequence AS regclass), :number)")


@contextmanager
def guards_resting(connection: Connection, table: Table) -> Iterator[None]:
    """Let rows of a table be written past its triggers; whoever leaves by an exception must roll back.

    Args:
        connection: in a writing transaction, which ends after this does.
        table: whose triggers rest; references stay watched.
    """
    quoted = connection.dialect.identifier_preparer.format_table(table)
    if not database_behind(connection).is_file:
        connection.exec_driver_sql(f"ALTER TABLE {quoted} DISABLE TRIGGER USER")
        yield
        connection.exec_driver_sql(f"ALTER TABLE {quoted} ENABLE TRIGGER USER")
        return
    triggers = connection.execute(_TRIGGERS, {"table": table.name}).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    yield
    for _, words in triggers:
        connection.exec_driver_sql(words)


def gather_statistics(connection: Connection) -> None:
    """Let a server count values now, where it plans questions by such figures; by itself it does so minutes later.

    Args:
        connection: to either engine, in a writing transaction.
    """
    if not database_behind(connection).is_file:
        connection.exec_driver_sql("ANALYZE")


def remembers_numbers(table: Table) -> bool:
    """Whether the numbers of rows that are gone are never given again, on either engine."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def last_number(connection: Connection, table: Table) -> int:
    """The highest number that a row of the table ever got, those that are gone among them where the engine knows.

    Args:
        connection: to either engine.
        table: one whose key is a number that the database gives.
    """
    key = table.autoincrement_column
    if key is None:
        raise TypeError(f"the rows of {table.name} get no numbers")
    highest = int(connection.execute(select(func.coalesce(func.max(key), 0))).scalar_one())
    if not database_behind(connection).is_file:
        name = connection.execute(_SEQUENCE, {"table": table.name, "key": key.name}).scalar_one()
        given = connection.execute(_GIVEN, {"sequence": name}).scalar()
    elif remembers_numbers(table):
        given = connection.execute(_GIVEN_IN_A_FILE, {"table": table.name}).scalar()
    else:
        given = None
    return max(highest, int(given or 0))


def go_on_after(connection: Connection, table: Table, number: int) -> None:
    """Let the next row get a higher number than this one.

    Args:
        connection: in a writing transaction.
        table: one whose key is a number that the database gives.
        number: as `last_number` says of another database.
    """
    key = table.autoincrement_column
    if key is None or number == 0:
        return
    if not database_behind(connection).is_file:
        name = connection.execute(_SEQUENCE, {"table": table.name, "key": key.name}).scalar_one()
        connection.execute(_GO_ON, {"sequence": name, "number": number})
    elif remembers_numbers(table):
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :number)"),
            {"table": table.name, "number": number},
        )
