"""What pictures look like, in a number a file version that copies of one drawing nearly share."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, select

from storage.database.bulk import update_rows
from storage.database.chunks import chunked
from storage.database.tables import VersionRow

_STORED = select(VersionRow.id, VersionRow.picture_hash).where(VersionRow.id.in_(bindparam("some", expanding=True)))


def file_picture_hashes(connection: Connection, hashes: Mapping[int, int]) -> None:
    """Record what the pictures of these versions look like: version id -> hash, 0..2**64-1.

    Raises:
        OverflowError: a hash has more than 64 bits.
    """
    signed = {  # the engines' integers have a sign
        id_: int.from_bytes(hash_.to_bytes(8, "little"), "little", signed=True) for id_, hash_ in hashes.items()
    }
    rows: list[tuple[int, int]] = []
    for chunk in chunked(sorted(signed)):
        stored = connection.execute(_STORED, {"some": chunk})
        rows += [(signed[row.id], row.id) for row in stored if row.picture_hash != signed[row.id]]
    update_rows(connection, VersionRow, ("picture_hash",), ("id",), rows)
