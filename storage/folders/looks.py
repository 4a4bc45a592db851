"""Rows of pictures that are no posts: stored embeddings by a file's content, and which post it is the picture of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from storage.database.chunks import chunked
from storage.database.current_state import CURRENT
from storage.database.engine import insert_new, insert_or_update
from storage.database.tables import (
    BackboneRow,
    CurrentRow,
    LabelRow,
    LocalEmbeddingRow,
    LocalPictureRow,
    PostRow,
    VersionRow,
)
from storage.folders.records import FileKey, FilePost, SeenFile
from storage.records import LabelValue, Look, TaggerTags
from storage.rows.posts import load_posts
from storage.rows.tagger_tags import tagger_tags_of

_PICTURE_FACTS = ("md5", "size", "width", "height", "format", "picture_hash", "seen_at")
_PICTURE = insert_or_update(LocalPictureRow, ("sha256",), _PICTURE_FACTS)
_NEW_BACKBONE = insert_new(BackboneRow)
_EMBEDDING = insert_or_update(LocalEmbeddingRow, ("picture_id", "backbone_id"), ("vector", "windows", "too_small"))


def stored_looks(connection: Connection, sha256s: Sequence[str], backbone_hashes: Sequence[str]) -> Mapping[str, Look]:
    """What was seen in files before, by SHA-256; without those that lack an embedding of one of these networks."""
    found: dict[str, list[Any]] = defaultdict(list)
    for chunk in chunked(sorted(set(sha256s))):
        rows = connection.execute(
            select(
                *(column for column in LocalPictureRow.__table__.c if column.name != "id"),
                BackboneRow.hash,
                LocalEmbeddingRow.vector,
                LocalEmbeddingRow.windows,
                LocalEmbeddingRow.too_small,
            )
            .join(LocalEmbeddingRow, LocalEmbeddingRow.picture_id == LocalPictureRow.id)
            .join(BackboneRow, BackboneRow.id == LocalEmbeddingRow.backbone_id)
            .where(LocalPictureRow.sha256.in_(chunk), BackboneRow.hash.in_(backbone_hashes))
        )
        for row in rows:
            found[row.sha256].append(row)
    wanted = set(backbone_hashes)
    return {sha256: _look(rows) for sha256, rows in found.items() if {row.hash for row in rows} == wanted}


def _look(rows: Sequence[Any]) -> Look:
    first = rows[0]
    return Look(
        embeddings={row.hash: row.vector for row in rows},
        width=first.width,
        height=first.height,
        format=first.format,
        picture_hash=None if first.picture_hash is None else first.picture_hash % 2**64,
        windows={row.hash: row.windows for row in rows if row.windows is not None},
        too_small=any(row.too_small for row in rows),
    )


def file_looks(connection: Connection, seen: Sequence[SeenFile], now: datetime) -> None:
    """Record what was seen; a file that was looked at before gets the newer look."""
    latest = {one.content.sha256: one for one in seen}  # copies of one file in one batch are one picture
    if not latest:
        return
    connection.execute(_PICTURE, [_picture_row(one, now) for one in latest.values()])
    ids: dict[str, int] = {}
    for chunk in chunked(list(latest)):
        found = select(LocalPictureRow.sha256, LocalPictureRow.id).where(LocalPictureRow.sha256.in_(chunk))
        ids.update((row.sha256, row.id) for row in connection.execute(found))
    names = {name for one in latest.values() for name in one.look.embeddings}
    backbones = {name: _backbone_id(connection, name) for name in names}
    connection.execute(
        _EMBEDDING,
        [
            {
                "picture_id": ids[sha256],
                "backbone_id": backbones[name],
                "vector": vector,
                "windows": one.look.windows.get(name),
                "too_small": one.look.too_small,
            }
            for sha256, one in latest.items()
            for name, vector in one.look.embeddings.items()
        ],
    )


def _backbone_id(connection: Connection, backbone_hash: str) -> int:
    connection.execute(_NEW_BACKBONE, {"hash": backbone_hash})
    return int(connection.execute(select(BackboneRow.id).where(BackboneRow.hash == backbone_hash)).scalar_one())


def _picture_row(seen: SeenFile, now: datetime) -> Mapping[str, Any]:
    look, hash_ = seen.look, seen.look.picture_hash
    signed = None if hash_ is None else int.from_bytes(hash_.to_bytes(8, "little"), "little", signed=True)
    return {
        "sha256": seen.content.sha256,
        "md5": seen.content.md5,
        "size": seen.content.size,
        "width": look.width,
        "height": look.height,
        "format": look.format,
        "picture_hash": signed,
        "seen_at": now,
    }


def posts_of(connection: Connection, keys: Sequence[FileKey], target: str | None) -> Sequence[FilePost | None]:
    """Which post each file is the picture of: by its bytes, else by the md5 in its name, else by the number there.

    Args:
        keys: the files.
        target: whose labels are wanted; None: nobody's.
    """
    by_md5 = _versions_by_md5(connection, {md5 for key in keys for md5 in (key.content.md5, *key.md5s)})
    by_number = _versions_by_number(connection, keys)
    chosen = [_version_of(key, by_md5, by_number) for key in keys]
    versions = dict(one for one in chosen if one is not None)
    posts = _posts(connection, set(versions.values()))
    labels = _labels(connection, list(versions), target)
    tags: dict[int, TaggerTags] = {}
    for chunk in chunked(list(versions)):
        tags.update(tagger_tags_of(connection, chunk))
    return [
        None if one is None or one[1] not in posts else FilePost(posts[one[1]], labels.get(one[0]), tags.get(one[0]))
        for one in chosen
    ]


_Version = tuple[int, int]  # its id, and its post's key


def _version_of(
    key: FileKey, by_md5: Mapping[str, _Version], by_number: Mapping[tuple[str, int], _Version]
) -> _Version | None:
    for md5 in (key.content.md5, *key.md5s):
        if md5 in by_md5:
            return by_md5[md5]
    return None if key.post_id is None else by_number.get((key.site, key.post_id))


def _versions_by_md5(connection: Connection, md5s: set[str]) -> Mapping[str, _Version]:
    """File versions by md5; of several posts with the same file the one that was met first."""
    found: dict[str, _Version] = {}
    for chunk in chunked(sorted(md5s)):
        rows = connection.execute(
            select(VersionRow.md5, VersionRow.id, VersionRow.post_key)
            .where(VersionRow.md5.in_(chunk))
            .order_by(VersionRow.id)
        )
        for row in rows:
            found.setdefault(row.md5, (row.id, row.post_key))
    return found


def _versions_by_number(connection: Connection, keys: Sequence[FileKey]) -> Mapping[tuple[str, int], _Version]:
    found: dict[tuple[str, int], _Version] = {}
    for chunk in chunked(sorted({key.post_id for key in keys if key.post_id is not None})):
        rows = connection.execute(
            select(PostRow.site, PostRow.post_id, VersionRow.id, VersionRow.post_key)
            .join(VersionRow, (VersionRow.post_key == PostRow.key) & (VersionRow.md5 == PostRow.md5))
            .where(PostRow.post_id.in_(chunk))
        )
        found.update(((row.site, row.post_id), (row.id, row.post_key)) for row in rows)
    return found


def _posts(connection: Connection, post_keys: set[int]) -> Mapping[int, Any]:
    wanted = sorted(post_keys)
    names: dict[tuple[str, int], int] = {}
    for chunk in chunked(wanted):
        rows = connection.execute(select(PostRow.key, PostRow.site, PostRow.post_id).where(PostRow.key.in_(chunk)))
        names.update(((row.site, row.post_id), row.key) for row in rows)
    return {names[post.site, post.id]: post for post in load_posts(connection, wanted)}


def _labels(connection: Connection, versions: Sequence[int], target: str | None) -> Mapping[int, LabelValue]:
    found: dict[int, LabelValue] = {}
    for chunk in chunked(versions) if target is not None else ():
        labelled = select(CurrentRow.version_id, LabelRow.value).where(
            CurrentRow.version_id.in_(chunk), CurrentRow.target == target, CurrentRow.label_seq.is_not(None)
        )
        rows = connection.execute(CURRENT.joined(labelled, parts=("label",)))
        found.update((row.version_id, LabelValue(row.value)) for row in rows)
    return found
