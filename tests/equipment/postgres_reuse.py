"""Emptying a database that a test filled, so that the next test has a new gallery's without a copy being made."""

from __future__ import annotations

from storage.database.tables import Base, GalleryRow

# Whatever a test may have changed beside rows: then the database is not used again.
_MARK = """SELECT concat_ws(' ',
  (SELECT string_agg(concat(tgname, tgenabled), ',' ORDER BY tgname) FROM pg_trigger WHERE NOT tgisinternal),
  (SELECT string_agg(concat(relname, relnatts), ',' ORDER BY relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace),
  (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
  (SELECT dattablespace FROM pg_database WHERE datname = current_database()),
  (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_attrdef),
  (SELECT string_agg(version_num, ',') FROM alembic_version),
  (SELECT string_agg(id, ',') FROM gallery))"""
_TABLES = [table.name for table in Base.metadata.sorted_tables if table is not GalleryRow.__table__]
_EMPTY = [
    "DROP SCHEMA IF EXISTS pace CASCADE",
    "SET session_replication_role = replica",  # no guard, and no watch over references
    *(f'DELETE FROM "{name}"' for name in _TABLES),
    "SELECT setval(oid::regclass, 1, false) FROM pg_class "
    "WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace",
]
_OTHERS = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


def schema_mark(url: str) -> str:
    """What tells a gallery's database from one in which a test changed more than rows."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(_MARK).fetchone()
    return str(row[0]) if row else ""


def emptied(url: str, mark: str) -> bool:
    """Make a database that of a new gallery again; whether it can be.

    Args:
        url: of the database.
        mark: `schema_mark` of a new gallery's.
    """
    import psycopg

    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_OTHERS)
            row = connection.execute(_MARK).fetchone()
            if row is None or row[0] != mark:
                return False
            connection.execute(";".join(_EMPTY))
    except psycopg.Error:
        return False
    return True
