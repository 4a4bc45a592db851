"""What the user's own tagger says, to rows and back: one tagger's word a file version, the last one's."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select

from storage.ai_names import AiNames
from storage.database import insert_new, insert_or_update
from storage.records import TaggerTags
from storage.tables import TaggerLookRow, TaggerRow, TaggerTagRow

_NEW_TAGGER = insert_new(TaggerRow)
_LOOKED = insert_or_update(TaggerLookRow, ("version_id",), ("tagger_id",))
_DROP = delete(TaggerTagRow).where(TaggerTagRow.version_id == bindparam("version"))
_NEW_TAG = insert(TaggerTagRow)


class TaggerTagRows:
    """Files taggers' words; remembers ids until a rollback makes it forget."""

    def __init__(self) -> None:
        self._names = AiNames()
        self._taggers: dict[str, int] = {}

    def forget(self) -> None:
        """Ids met in a transaction that was rolled back may not exist."""
        self._names.forget()
        self._taggers.clear()

    def file(self, connection: Connection, version_id: int, said: TaggerTags, now: datetime) -> None:
        """Record what a tagger says of a file version, in the place of what one said before."""
        tagger = self._tagger_id(connection, said, now)
        connection.execute(_LOOKED, {"version_id": version_id, "tagger_id": tagger})
        connection.execute(_DROP, {"version": version_id})
        if said.probabilities:
            ids = self._names.ids(connection, said.probabilities.keys())
            rows = [
                {"version_id": version_id, "name_id": ids[name], "value": value}
                for name, value in said.probabilities.items()
            ]
            connection.execute(_NEW_TAG, rows)

    def _tagger_id(self, connection: Connection, said: TaggerTags, now: datetime) -> int:
        if said.tagger not in self._taggers:
            connection.execute(_NEW_TAGGER, {"hash": said.tagger, "name": said.name, "seen_at": now})
            found = select(TaggerRow.id).where(TaggerRow.hash == said.tagger)
            self._taggers[said.tagger] = connection.execute(found).scalar_one()
        return self._taggers[said.tagger]
