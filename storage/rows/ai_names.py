"""The tag names of taggers, the site's and the user's: one row a name, cached while the database is open."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from storage.database.bulk import put_rows
from storage.database.chunks import chunked
from storage.database.engine import insert_new
from storage.database.tables import AiNameRow

MAX_REMEMBERED = 200_000
_NEW_NAME = insert_new(AiNameRow)


class AiNames:
    """Ids of words; a rollback makes it forget."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def forget(self) -> None:
        """Ids met in a transaction that was rolled back may not exist."""
        self._ids.clear()

    def ids(self, connection: Connection, names: Collection[str]) -> Mapping[str, int]:
        """The row id of each word; unknown words get a row."""
        unknown = sorted(name for name in names if name not in self._ids)
        if not unknown:
            return self._ids
        if len(self._ids) + len(unknown) > MAX_REMEMBERED:
            self._ids.clear()
            unknown = sorted(names)
        put_rows(connection, _NEW_NAME, ("name",), [{"name": name} for name in unknown])
        for chunk in chunked(unknown):
            rows = connection.execute(select(AiNameRow.id, AiNameRow.name).where(AiNameRow.name.in_(chunk)))
            self._ids.update((row.name, row.id) for row in rows)
        return self._ids
