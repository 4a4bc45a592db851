"""Stored embeddings of the whole gallery, of one network: read in order, by picture, and by what is searched for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select

from storage.database.current_state import CURRENT
from storage.database.phrases import numbers_listed
from storage.database.tables import (
    BackboneRow,
    EmbeddingRow,
    GalleryRow,
    PostRow,
    VersionRow,
)
from storage.search.language import Query, leaves
from storage.search.metatags import LOCAL_METATAGS
from storage.search.sql import condition
from storage.search.tree import Metatag
from storage.search.unknown_metatags import refuse_unknown_metatags


@dataclass(frozen=True, slots=True)
class StoredEmbedding:
    """One row of the table: its id grows with time, and the vector is float16, little endian."""

    id: int
    version_id: int
    vector: bytes


@dataclass(frozen=True, slots=True)
class PostPicture:
    """A post's present picture."""

    version_id: int
    site: str
    post_id: int
    md5: str


def gallery_identity(connection: Connection) -> str:
    """What tells this gallery from every other one."""
    return str(connection.execute(select(GalleryRow.id)).scalar() or "")


def newest_embedding(connection: Connection) -> int:
    """The highest id of the table, whatever the network; 0 where it is empty."""
    return int(connection.execute(select(func.coalesce(func.max(EmbeddingRow.id), 0))).scalar_one())


def embeddings_after(connection: Connection, backbone_hash: str, after: int, limit: int) -> Sequence[StoredEmbedding]:
    """The rows of a network with a higher id than this, the lowest first, at most so many."""
    values = {"backbone": _backbone_id(connection, backbone_hash), "after": after, "length": limit}
    return [StoredEmbedding(*row) for row in connection.execute(_LATER, values)]


def embeddings_with_ids(connection: Connection, backbone_hash: str, ids: Sequence[int]) -> Sequence[StoredEmbedding]:
    """The rows with these ids, as far as they are of the network."""
    backbone = _backbone_id(connection, backbone_hash)
    rows = _ROWS.where(EmbeddingRow.id.in_(numbers_listed(ids)), EmbeddingRow.backbone_id == backbone)
    return [StoredEmbedding(*row) for row in connection.execute(rows)]


def sampled_embeddings(connection: Connection, backbone_hash: str, runs: int, length: int) -> Sequence[StoredEmbedding]:
    """Runs of rows that begin at evenly spaced ids, each row once: a sample that costs no pass over the table."""
    backbone, newest = _backbone_id(connection, backbone_hash), newest_embedding(connection)
    sampled: dict[int, StoredEmbedding] = {}
    for number in range(runs):
        rows = connection.execute(_LATER, {"backbone": backbone, "after": newest * number // runs, "length": length})
        sampled |= {row[0]: StoredEmbedding(*row) for row in rows}
    return list(sampled.values())


def vectors_of(connection: Connection, backbone_hash: str, versions: Sequence[int]) -> Mapping[int, bytes]:
    """The stored vectors of these file versions, as far as the network has looked at them."""
    backbone = _backbone_id(connection, backbone_hash)
    wanted = select(EmbeddingRow.version_id, EmbeddingRow.vector).where(
        EmbeddingRow.version_id.in_(numbers_listed(versions)), EmbeddingRow.backbone_id == backbone
    )
    return {row.version_id: row.vector for row in connection.execute(wanted)}


def fitting(
    connection: Connection, versions: Sequence[int], query: Query, target: str | None, now: datetime
) -> Set[int]:
    """Which of these file versions are their posts' present pictures and fit an expression.

    Args:
        connection: in a transaction.
        versions: ids, any number.
        query: conditions, by `Reader.meant`; its order and limit are left aside.
        target: only what was looked at for this target; None: whatever it was looked at for.
        now: what `age:` counts from; aware.

    Raises:
        QueryError: a term cannot be evaluated here; it names the term.
    """
    refuse_unknown_metatags(connection, query)
    found = connection.execute(_fitting(query, target, now).where(VersionRow.id.in_(numbers_listed(versions))))
    return set(found.scalars())


def all_fitting(connection: Connection, query: Query, target: str | None, now: datetime) -> Set[int]:
    """As `fitting`, of every file version; a pass over the posts unless a term has an index."""
    return set(connection.execute(_fitting(query, target, now)).scalars())


def pictures_of_post(connection: Connection, post_id: int, sites: Collection[str] = ()) -> Sequence[PostPicture]:
    """The present pictures of the posts with this number, one a site."""
    statement = (
        select(VersionRow.id, PostRow.site, PostRow.post_id, VersionRow.md5)
        .join(PostRow, _PRESENT)
        .where(PostRow.post_id == post_id)
        .order_by(PostRow.site)
    )
    if sites:
        statement = statement.where(PostRow.site.in_(sorted(sites)))
    return [PostPicture(*row) for row in connection.execute(statement)]


def picture_hashes(connection: Connection, versions: Sequence[int]) -> Mapping[int, int]:
    """The difference hashes of these file versions, 64 bits with the highest as the sign, as far as they are known."""
    wanted = select(VersionRow.id, VersionRow.picture_hash).where(
        VersionRow.picture_hash.is_not(None), VersionRow.id.in_(numbers_listed(versions))
    )
    return {row.id: row.picture_hash for row in connection.execute(wanted)}


_PRESENT = and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5)
_ROWS = select(EmbeddingRow.id, EmbeddingRow.version_id, EmbeddingRow.vector)
_LATER = (
    _ROWS.where(EmbeddingRow.backbone_id == bindparam("backbone"), EmbeddingRow.id > bindparam("after"))
    .order_by(EmbeddingRow.id)
    .limit(bindparam("length"))
)


def _backbone_id(connection: Connection, backbone_hash: str) -> int | None:
    return connection.execute(select(BackboneRow.id).where(BackboneRow.hash == backbone_hash)).scalar()


def _fitting(query: Query, target: str | None, now: datetime) -> Select[Any]:
    statement = select(VersionRow.id).join(PostRow, _PRESENT)
    if target is not None or any(isinstance(one, Metatag) and one.name in LOCAL_METATAGS for one in leaves(query.root)):
        statement = CURRENT.joined(statement, CURRENT.of_version(target), required=target is not None).distinct()
    return statement.where(condition(query.root, now))
