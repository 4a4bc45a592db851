"""References and indexes of a server's tables, which rest while a gallery is written into them.

Asked row by row they take nine tenths of a copy's time; asked once, of all rows, they take seconds a million. What
rests is written down in the database, so that whatever program goes on with a copy that was killed can put it back.
"""

from __future__ import annotations

from sqlalchemy import Connection

from storage.database.engine import database_behind

_THERE = "SELECT to_regclass('resting')"
_NOTE = "CREATE TABLE resting (number serial PRIMARY KEY, words text NOT NULL)"
_REFERENCES = """SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname),
  'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(conname) || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY conname"""
_INDEXES = """SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisunique AND relnamespace = current_schema()::regnamespace ORDER BY relname"""
_WRITTEN = "SELECT words FROM resting ORDER BY number"
_WRITE = "INSERT INTO resting (words) VALUES (%s)"


def let_rest(connection: Connection) -> None:
    """Take references and indexes that are no promise away, where they are; a file keeps its own.

    Args:
        connection: in a writing transaction, to a database that is no gallery yet.
    """
    if database_behind(connection).is_file or _resting(connection):
        return
    connection.exec_driver_sql(_NOTE)
    for found in (_INDEXES, _REFERENCES):  # references last, when the indexes are there again
        for taken, words in connection.exec_driver_sql(found).all():
            connection.exec_driver_sql(_WRITE, (words,))
            connection.exec_driver_sql(taken)


def put_back(connection: Connection) -> None:
    """Make them again, all rows looked at.

    Args:
        connection: in a writing transaction.
    Raises:
        IntegrityError: a row refers to one that is not there.
    """
    if database_behind(connection).is_file or not _resting(connection):
        return
    for words in connection.exec_driver_sql(_WRITTEN).scalars().all():
        connection.exec_driver_sql(words)
    connection.exec_driver_sql("DROP TABLE resting")


def _resting(connection: Connection) -> bool:
    return connection.exec_driver_sql(_THERE).scalar() is not None
