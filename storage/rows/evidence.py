"""Evidence for a target, gathered as columns: a few wide queries instead of one a post."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import CompoundSelect, Connection, and_, case, func, literal, or_, select

from storage.database.current_state import CURRENT
from storage.database.phrases import texts_listed
from storage.database.tables import (
    AiNameRow,
    AiTagRow,
    BackboneRow,
    EmbeddingRow,
    LabelRow,
    ModelRow,
    PartRow,
    PostRow,
    PostTagRow,
    RenditionRow,
    ScoreRow,
    TagRow,
    VersionRow,
)
from storage.evidence import NO_SPLIT, SPLITS, Evidence
from storage.people_count import COUNTING_TAGS, people_in
from storage.records import ELSEWHERE, GROUP, Stratum, Target
from storage.rows.named_posts import dressed_as, naming, shown_where_dressed
from storage.rows.tagger_tags import given_to, tagger_vectors


def pictures_by_network(connection: Connection) -> Mapping[str, int]:
    """How many posts have an embedding of their present picture, by the hash of the network that gave it."""
    statement = (
        select(BackboneRow.hash, func.count().label("posts"))
        .join(EmbeddingRow, EmbeddingRow.backbone_id == BackboneRow.id)
        .join(VersionRow, VersionRow.id == EmbeddingRow.version_id)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
        .group_by(BackboneRow.hash)
    )
    return {row.hash: row.posts for row in connection.execute(statement)}


def stored_without_hash(connection: Connection) -> Set[int]:
    """Ids of the file versions of which a rendition is stored, and whose difference hash nobody has computed."""
    statement = (
        select(VersionRow.id)
        .join(RenditionRow, and_(RenditionRow.md5 == VersionRow.md5, RenditionRow.name != ELSEWHERE))
        .where(VersionRow.picture_hash.is_(None))
    )
    return set(connection.execute(statement).scalars())


def gather_evidence(
    connection: Connection,
    target: Target,
    backbone_hash: str,
    *,
    whole_gallery: bool = False,
    held_out: Collection[str] | None = None,
) -> Evidence:
    """What is known of every post that was looked at for a target, with embeddings of one backbone.

    Rows are ordered by site and post id, so the same database gives the same evidence.

    Args:
        connection: to the database.
        target: whom it is about.
        backbone_hash: of the network that gave the embeddings.
        whole_gallery: the posts too that were looked at for other targets only.
        held_out: only the posts that a round has settled to be tested on, and pictures of these MD5s; None: all posts.
    """
    statement = _wide(target, backbone_hash, whole_gallery=whole_gallery)
    if held_out is not None:
        statement = statement.where(VersionRow.id.in_(_held_out(target, held_out)))
    # else what holds for every picture of the target would be gone through, and a page may be waiting
    rows = connection.execute(statement).all() if _is_embedded(connection, backbone_hash) else []
    columns = list(zip(*rows, strict=True)) or [()] * len(_COLUMNS)
    named = dict(zip(_COLUMNS, columns, strict=True))
    artists: Mapping[int, str] = {}
    carriers: Set[int] = frozenset()
    if rows:  # else nothing of the tags is asked: it takes seconds, and a page may be waiting for "there is nothing"
        artists, carriers = _artists(connection), set(connection.execute(naming(target)).scalars())
    tagged = np.array([key in carriers for key in named["post_key"]], dtype=np.bool_)
    characters = _characters(connection, target, named)
    return Evidence(
        version_ids=_whole(named["version_id"]),
        post_ids=_whole(named["post_id"]),
        sites=list(named["site"]),
        md5s=list(named["md5"]),
        vectors=_vectors(named["vector"]),
        scores=np.array(named["score"], dtype=np.float64),  # None becomes NaN
        labels=list(named["label"]),
        tagged=tagged,
        named=characters > 0,
        character_counts=characters,
        ai_scores=_whole(named["ai_score"]),
        parent_ids=_whole(named["parent_id"]),
        pixel_hashes=list(named["pixel_hash"]),
        artists=[artists.get(key, "") for key in named["post_key"]],
        ratings=list(named["rating"]),
        look_hashes=_whole(named["picture_hash"]).view(np.uint64),
        frozen_split=_whole(_SPLIT_NUMBERS[value] for value in named["part"]).astype(np.int8),
        strata=_strata(connection, named["post_key"], characters, tagged),
        windows=_windows(named),
        tagger_percents=_tagger_percents(connection, target, named["version_id"]),
        tagger_vectors=tagger_vectors(connection, named["version_id"]),
        too_small=frozenset(of for of, small in zip(named["version_id"], named["too_small"], strict=True) if small),
    )


def _held_out(target: Target, md5s: Collection[str]) -> CompoundSelect[int]:
    """Ids of the file versions that are in the target's test split, or have one of these MD5s."""
    tested = (
        select(VersionRow.id)
        .join(PartRow, PartRow.post_key == VersionRow.post_key)
        .where(PartRow.target == target.name, PartRow.value == SPLITS[-1])
    )
    return tested.union(select(VersionRow.id).where(VersionRow.md5.in_(texts_listed(sorted(md5s)))))


def _is_embedded(connection: Connection, backbone_hash: str) -> bool:
    """Whether any picture has an embedding of a backbone."""
    backbone = select(BackboneRow.id).where(BackboneRow.hash == backbone_hash).scalar_subquery()
    found = select(EmbeddingRow.version_id).where(EmbeddingRow.backbone_id == backbone).limit(1)
    return connection.execute(found).first() is not None


def has_evidence(connection: Connection, target: Target, backbone_hash: str) -> bool:
    """Whether any post was looked at for a target with this backbone; finds one, and gathers nothing."""
    rows = _wide(target, backbone_hash, whole_gallery=False).order_by(None).limit(1)
    return connection.execute(rows).first() is not None


_COLUMNS = (
    "version_id", "post_id", "site", "md5", "vector", "score", "label", "count_character", "ai_score",
    "parent_id", "pixel_hash", "post_key", "rating", "picture_hash", "part", "windows", "too_small",
)  # fmt: skip
_SPLIT_NUMBERS = {None: NO_SPLIT} | {name: number for number, name in enumerate(SPLITS)}


def _wide(target: Target, backbone_hash: str, *, whole_gallery: bool) -> Any:
    active = select(ModelRow.id).where(ModelRow.target == target.name, ModelRow.active).scalar_subquery()
    ai_names = select(AiNameRow.id).where(AiNameRow.name.in_(sorted({target.tag, *target.aliases})))
    ai_score = (
        select(func.max(AiTagRow.score))
        .where(AiTagRow.post_key == PostRow.key, AiTagRow.name_id.in_(ai_names))
        .correlate(PostRow)
        .scalar_subquery()
    )
    embedded = (
        select(
            VersionRow.id,
            PostRow.post_id,
            PostRow.site,
            VersionRow.md5,
            EmbeddingRow.vector,
            ScoreRow.value,
            func.coalesce(LabelRow.value, ""),
            PostRow.count_character,
            case((PostRow.has_ai_tags, func.coalesce(ai_score, 0)), else_=literal(-1)),
            func.coalesce(PostRow.parent_id, 0),
            func.coalesce(PostRow.pixel_hash, ""),
            PostRow.key,
            PostRow.rating,
            func.coalesce(VersionRow.picture_hash, 0),
            PartRow.value,
            EmbeddingRow.windows,
            EmbeddingRow.too_small,
        )
        .select_from(EmbeddingRow)
        .join(BackboneRow, and_(BackboneRow.id == EmbeddingRow.backbone_id, BackboneRow.hash == backbone_hash))
        .join(VersionRow, VersionRow.id == EmbeddingRow.version_id)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
    )
    return (
        CURRENT.joined(embedded, CURRENT.of_version(target.name), required=not whole_gallery, parts=("label",))
        .outerjoin(ScoreRow, and_(ScoreRow.version_id == VersionRow.id, ScoreRow.model_id == active))
        .outerjoin(PartRow, and_(PartRow.post_key == PostRow.key, PartRow.target == target.name))
        .order_by(PostRow.site, PostRow.post_id)
    )


def _characters(
    connection: Connection, target: Target, named: Mapping[str, Sequence[Any]]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """How many characters each post's tags say are in the picture; none where somebody is dressed as the target."""
    if not named["post_key"]:
        return _whole([])
    dressed = shown_where_dressed(connection) | dict.fromkeys(connection.execute(dressed_as(target)).scalars(), 0)
    counts = zip(named["post_key"], named["count_character"], strict=True)
    return _whole(dressed.get(key, count) for key, count in counts)


def _strata(
    connection: Connection, keys: Sequence[int], characters: npt.NDArray[np.int64], tagged: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int8]:
    """The stratum of each post, shape (n,), as `storage.records.stratum_of` says of one."""
    groups = _groups(connection) if keys else frozenset()
    several = np.array([key in groups for key in keys], dtype=np.bool_)
    others = (characters > 0) & ~tagged
    return (others * int(Stratum.OTHERS) + several * int(Stratum.NOBODY_GROUP)).astype(np.int8)


def _groups(connection: Connection) -> set[int]:
    """Keys of the posts whose general tags say that several people are in the picture."""
    counting = select(TagRow.id, TagRow.name).where(
        TagRow.category == "general", or_(*(TagRow.name.like(words) for words in COUNTING_TAGS))
    )
    counts = {row.id: min(people_in(row.name), GROUP) for row in connection.execute(counting)}
    counts = {tag_id: int(people) for tag_id, people in counts.items() if people}
    if not counts:
        return set()
    statement = (
        select(PostTagRow.post_key)
        .where(PostTagRow.tag_id.in_(counts))
        .group_by(PostTagRow.post_key)
        .having(func.sum(case(counts, value=PostTagRow.tag_id)) >= GROUP)
    )
    return set(connection.execute(statement).scalars())


def _artists(connection: Connection) -> dict[int, str]:
    """Post key -> its artist tags; names are put in place here, because joining them row by row takes five times."""
    names = {row.id: row.name for row in connection.execute(select(TagRow.id, TagRow.name).where(_IS_ARTIST))}
    statement = select(PostTagRow.post_key, PostTagRow.tag_id).where(
        PostTagRow.tag_id.in_(select(TagRow.id).where(_IS_ARTIST))
    )
    found: dict[int, str] = {}
    several: defaultdict[int, list[str]] = defaultdict(list)
    for key, tag_id in connection.execute(statement).all():
        if key in found:
            several[key].append(names[tag_id])
        else:
            found[key] = names[tag_id]
    return found | {key: " ".join(sorted([found[key], *others])) for key, others in several.items()}


_IS_ARTIST = TagRow.category == "artist"


def _tagger_percents(
    connection: Connection, target: Target, versions: Sequence[int]
) -> dict[str, npt.NDArray[np.int64]]:
    """What each of the user's taggers gives the target's tag, (n,) percent, -1 where it did not look last."""
    return {
        tagger: _whole(percents.get(version, -1) for version in versions)
        for tagger, percents in sorted(given_to(connection, target).items())
    }


def _whole(values: Iterable[Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(list(values), dtype=np.int64)


def _vectors(values: Sequence[bytes]) -> np.ndarray[Any, np.dtype[np.float16]]:
    if not values:
        return np.zeros((0, 0), dtype=np.float16)
    return np.frombuffer(b"".join(values), dtype="<f2").reshape(len(values), -1)


def _windows(named: Mapping[str, Sequence[Any]]) -> dict[int, np.ndarray[Any, np.dtype[np.float16]]]:
    """The windows' vectors of the few pictures that have some, by version id."""
    rows = zip(named["version_id"], named["windows"], named["vector"], strict=True)
    return {
        version: np.frombuffer(windows, dtype="<f2").reshape(-1, len(vector) // 2)
        for version, windows, vector in rows
        if windows
    }
