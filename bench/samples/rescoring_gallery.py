"""A gallery of made-up posts with embeddings, filled straight through the tables: quick to make, large."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import insert

from storage.archive import Archive
from storage.database.engines.location import database_of
from storage.database.tables import BackboneRow, CurrentRow, EmbeddingRow, PostRow, VersionRow
from storage.records import Target

TARGET = Target("kiara", "takanashi_kiara")
_AT_ONCE = 10_000


def made_up(count: int, width: int, *, seed: int) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.bool_]]:
    """Vectors of pictures, a tenth of which show the target and lie a little to one side."""
    random = np.random.default_rng(seed)
    shows = random.random(count) < 0.1
    vectors = random.normal(size=(count, width)).astype(np.float32)
    vectors[:, :16] += np.where(shows, 1.0, 0.0)[:, None]
    return vectors.astype(np.float16), shows


def filled_gallery(root: Path, posts: int, width: int, backbone: str) -> None:
    """Make the gallery; every post has a file version, an embedding and a current decision for the target."""
    Archive.open(root).close()
    vectors, _ = made_up(posts, width, seed=4)
    now = datetime.now(UTC)
    engine = database_of(root).writing_engine()
    try:
        with engine.connect() as connection, connection.begin():
            connection.execute(insert(BackboneRow).values(id=1, hash=backbone))
            for start in range(0, posts, _AT_ONCE):
                numbers = range(start + 1, min(posts, start + _AT_ONCE) + 1)
                connection.execute(insert(PostRow), [_post(number, now) for number in numbers])
                connection.execute(insert(VersionRow), [_version(number, now) for number in numbers])
                connection.execute(
                    insert(EmbeddingRow),
                    [{"version_id": n, "backbone_id": 1, "vector": vectors[n - 1].tobytes()} for n in numbers],
                )
                connection.execute(insert(CurrentRow), [{"version_id": n, "target": TARGET.name} for n in numbers])
    finally:
        engine.dispose()


def _post(number: int, now: datetime) -> dict[str, object]:
    counts = {f"count_{category}": 0 for category in ("general", "artist", "copyright", "character", "meta")}
    flags = dict.fromkeys(("has_children", "is_pending", "is_flagged", "is_deleted", "is_banned", "has_ai_tags"), False)
    sizes = {"width": 1200, "height": 1700, "size": 1_000_000, "score": 1, "fav_count": 0}
    return {
        **counts, **flags, **sizes, "key": number, "site": "made-up", "post_id": number, "md5": f"{number:032x}",
        "created_at": now, "updated_at": now, "rating": "g", "source": "", "ext": "jpg", "seen_at": now,
    }  # fmt: skip


def _version(number: int, now: datetime) -> dict[str, object]:
    return {
        "id": number, "post_key": number, "md5": f"{number:032x}", "ext": "jpg", "size": 1_000_000, "width": 1200,
        "height": 1700, "url": "", "renditions": [], "state": "known", "first_seen_at": now,
        "picture_hash": _hash(number),
    }  # fmt: skip


def _hash(number: int) -> int:
    """Of a picture; every tenth is a copy of the one before, two bits away."""
    original = number - (number % 10 == 0)
    hash_ = int.from_bytes(hashlib.sha256(str(original).encode()).digest()[:8], "little", signed=True)
    return hash_ if original == number else hash_ ^ 0b11
