"""What the user's own tagger says, to rows and back: the tags of its last look, one tagger a file version, and its
penultimate layer, which is kept of every tagger that looked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, and_, bindparam, case, delete, func, select

from storage.database.bulk import insert_rows
from storage.database.engine import insert_new, insert_or_update
from storage.database.tables import (
    AiNameRow,
    BackboneRow,
    EmbeddingRow,
    PostRow,
    TaggerLookRow,
    TaggerRow,
    TaggerTagRow,
    VersionRow,
)
from storage.records import TaggerTags, Target, tagger_percent
from storage.rows.ai_names import AiNames
from storage.rows.named_posts import naming

PRESENT = 0.5  # probability from which on a tagger names somebody
_NEW_TAGGER = insert_new(TaggerRow)
_LOOKED = insert_or_update(TaggerLookRow, ("version_id",), ("tagger_id",))
_DROP = delete(TaggerTagRow).where(TaggerTagRow.version_id == bindparam("version"))
_AT_ONCE = 1000  # vectors that are read at a time


@dataclass(frozen=True, slots=True)
class TaggerAgreement:
    """How often the user's tagger names a target, beside what the posts' own tags say."""

    tagged: int  # posts that the tagger looked at and whose tags name the target
    tagged_named: int  # of those, to which the tagger gives the target's tag 0.5 or more
    others: int  # posts that it looked at and whose tags name other characters only
    others_named: int


def agreement(connection: Connection, site: str, target: Target) -> TaggerAgreement:
    """Count over all posts of a site that the tagger looked at; their present file versions only."""
    says = select(AiNameRow.id).where(AiNameRow.name.in_(sorted({target.tag, *target.aliases})))
    named = VersionRow.id.in_(
        select(TaggerTagRow.version_id).where(TaggerTagRow.name_id.in_(says), TaggerTagRow.value >= PRESENT)
    )
    carries = PostRow.key.in_(naming(target))
    others = and_(PostRow.count_character > 0, PostRow.key.not_in(naming(target)))
    counted = [func.coalesce(func.sum(case((which, 1), else_=0)), 0) for which in (carries, and_(carries, named))]
    counted += [func.coalesce(func.sum(case((which, 1), else_=0)), 0) for which in (others, and_(others, named))]
    statement = (
        select(*counted)
        .select_from(TaggerLookRow)
        .join(VersionRow, VersionRow.id == TaggerLookRow.version_id)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
        .where(PostRow.site == site)
    )
    return TaggerAgreement(*(int(count) for count in connection.execute(statement).one()))


def tagger_tags_of(connection: Connection, versions: Sequence[int]) -> Mapping[int, TaggerTags]:
    """The tags of the user's tagger at its last look, by file version id; versions it never looked at are missing."""
    looks = connection.execute(
        select(TaggerLookRow.version_id, TaggerRow.hash, TaggerRow.name)
        .join(TaggerRow, TaggerRow.id == TaggerLookRow.tagger_id)
        .where(TaggerLookRow.version_id.in_(versions))
    ).all()
    if not looks:
        return {}
    found: defaultdict[int, dict[str, float]] = defaultdict(dict)
    rows = connection.execute(
        select(TaggerTagRow.version_id, AiNameRow.name, TaggerTagRow.value)
        .join(AiNameRow, AiNameRow.id == TaggerTagRow.name_id)
        .where(TaggerTagRow.version_id.in_(versions))
    )
    for row in rows:
        found[row.version_id][row.name] = row.value
    return {row.version_id: TaggerTags(row.hash, row.name, found[row.version_id]) for row in looks}


def given_to(connection: Connection, target: Target) -> Mapping[str, Mapping[int, int]]:
    """The percentages that the user's taggers give a target's tag, 0..100, by tagger's hash and file version id."""
    names = select(AiNameRow.id).where(AiNameRow.name.in_(sorted({target.tag, *target.aliases})))
    rows = connection.execute(
        select(TaggerRow.hash, TaggerLookRow.version_id, func.coalesce(func.max(TaggerTagRow.value), 0.0))
        .join(TaggerRow, TaggerRow.id == TaggerLookRow.tagger_id)
        .outerjoin(
            TaggerTagRow,
            and_(TaggerTagRow.version_id == TaggerLookRow.version_id, TaggerTagRow.name_id.in_(names)),
        )
        .group_by(TaggerRow.hash, TaggerLookRow.version_id)
    )
    found: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for tagger, version, probability in rows:
        found[tagger][version] = tagger_percent(probability)
    return found


def tagger_vectors(connection: Connection, versions: Sequence[int]) -> Mapping[str, npt.NDArray[np.float16]]:
    """What each tagger's penultimate layer says of file versions, by `TaggerVector.network`: shape (n, k), not-a-number
    where it never looked. Taggers that looked at none of them are left out.
    """
    networks = connection.execute(
        select(BackboneRow.id, BackboneRow.hash).where(BackboneRow.tagger_id.is_not(None)).order_by(BackboneRow.hash)
    ).all()
    found = {row.hash: _vectors_of(connection, row.id, versions) for row in networks}
    return {network: vectors for network, vectors in found.items() if vectors.size}


def _vectors_of(connection: Connection, backbone_id: int, versions: Sequence[int]) -> npt.NDArray[np.float16]:
    """Shape (n, k); (0, 0) where it looked at none of them."""
    places = {version: row for row, version in enumerate(versions)}
    statement = select(EmbeddingRow.version_id, EmbeddingRow.vector).where(EmbeddingRow.backbone_id == backbone_id)
    found = np.zeros((0, 0), dtype=np.float16)
    for version, vector in connection.execute(statement.execution_options(yield_per=_AT_ONCE)):
        if (row := places.get(version)) is None:
            continue
        if not found.size:
            found = np.full((len(versions), len(vector) // 2), np.nan, dtype=np.float16)
        found[row] = np.frombuffer(vector, dtype="<f2")
    return found


class TaggerTagRows:
    """Writes taggers' tags; caches row ids until a rollback makes them invalid."""

    def __init__(self) -> None:
        self._names = AiNames()
        self._taggers: dict[str, int] = {}

    def forget(self) -> None:
        """Clear the caches: ids of a transaction that was rolled back may not exist."""
        self._names.forget()
        self._taggers.clear()

    def file(self, connection: Connection, version_id: int, tags: TaggerTags, now: datetime) -> int:
        """Record a tagger's tags of a file version, in place of those that were recorded before; gives its row id."""
        tagger = self._tagger_id(connection, tags, now)
        connection.execute(_LOOKED, {"version_id": version_id, "tagger_id": tagger})
        connection.execute(_DROP, {"version": version_id})
        if tags.probabilities:
            ids = self._names.ids(connection, tags.probabilities.keys())
            rows = [(version_id, ids[name], value) for name, value in tags.probabilities.items()]
            insert_rows(connection, TaggerTagRow, ("version_id", "name_id", "value"), rows)
        return tagger

    def _tagger_id(self, connection: Connection, tags: TaggerTags, now: datetime) -> int:
        if tags.tagger not in self._taggers:
            connection.execute(_NEW_TAGGER, {"hash": tags.tagger, "name": tags.name, "seen_at": now})
            found = select(TaggerRow.id).where(TaggerRow.hash == tags.tagger)
            self._taggers[tags.tagger] = connection.execute(found).scalar_one()
        return self._taggers[tags.tagger]
