"""What pictures look like, in a number a file version that copies of one drawing nearly share."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, update

from storage.database.tables import VersionRow

_HASH = (
    update(VersionRow)
    .where(VersionRow.id == bindparam("version"), VersionRow.picture_hash.is_distinct_from(bindparam("now_hash")))
    .values(picture_hash=bindparam("now_hash"))
)


def file_picture_hashes(connection: Connection, hashes: Mapping[int, int]) -> None:
    """Record what the pictures of these versions look like: version id -> hash, 0..2**64-1.

    Raises:
        OverflowError: a hash has more than 64 bits.
    """
    rows = [  # SQLite's integers have a sign
        {"version": id_, "now_hash": int.from_bytes(hash_.to_bytes(8, "little"), "little", signed=True)}
        for id_, hash_ in hashes.items()
    ]
    if rows:
        connection.execute(_HASH, rows)
