"""A gallery of made-up posts that are all kept, with tags and small originals, filled straight through the tables."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert

from storage.archive import Archive
from storage.database.engines.location import database_of
from storage.database.tables import (
    CurrentRow,
    DecisionRow,
    FileRow,
    PostRow,
    PostTagRow,
    TagRow,
    TargetRow,
    VersionRow,
)
from storage.files.paths import original_path

TARGET, TAG = "mona", "mona_(genshin_impact)"
TAGS = 3_000  # different general tags
OF_A_POST = 30  # tags
_SIZE = 1_000  # bytes of an original
_AT_ONCE = 5_000


def kept_gallery(root: Path, posts: int) -> None:
    """Make the gallery."""
    Archive.open(root).close()
    engine = database_of(root).writing_engine()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    try:
        with engine.connect() as connection, connection.begin():
            connection.execute(insert(TargetRow).values(site="demo", name=TARGET, tag=TAG, variants=[], aliases=[]))
            connection.execute(insert(TagRow), list(_tags()))
            for start in range(0, posts, _AT_ONCE):
                numbers = range(start + 1, min(posts, start + _AT_ONCE) + 1)
                files = {number: _original(root, number) for number in numbers}
                connection.execute(insert(PostRow), [_post(n, files[n][1], now) for n in numbers])
                connection.execute(insert(VersionRow), [_version(n, files[n][1], now) for n in numbers])
                connection.execute(insert(PostTagRow), [one for n in numbers for one in _carried(n)])
                connection.execute(insert(DecisionRow), [_decision(n, now) for n in numbers])
                connection.execute(insert(FileRow), [_file(n, *files[n], now) for n in numbers])
                holds = {"target": TARGET, "holds": "keep", "machine_score": 0.9}
                current = [holds | {"version_id": n, "decision_seq": n, "file_id": n} for n in numbers]
                connection.execute(insert(CurrentRow), current)
    finally:
        engine.dispose()


def _tags() -> Iterator[dict[str, object]]:
    yield {"id": 1, "name": TAG, "category": "character"}
    for number in range(TAGS):
        yield {"id": number + 2, "name": f"general_tag_{number}", "category": "general"}


def _carried(number: int) -> Iterator[dict[str, int]]:
    yield {"post_key": number, "tag_id": 1}
    for tag in random.Random(number).sample(range(2, TAGS + 2), OF_A_POST):
        yield {"post_key": number, "tag_id": tag}


def _original(root: Path, number: int) -> tuple[str, str]:
    """Its path and md5."""
    content = random.Random(number).randbytes(_SIZE)
    md5 = hashlib.md5(content).hexdigest()
    path = original_path(TARGET, number, md5, "jpg")
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    return path, md5


def _post(number: int, md5: str, now: datetime) -> dict[str, object]:
    flags = dict.fromkeys(("has_children", "is_pending", "is_flagged", "is_deleted", "is_banned", "has_ai_tags"), False)
    counts = dict.fromkeys(("count_artist", "count_copyright", "count_meta"), 0)
    return flags | counts | {
        "key": number, "site": "demo", "post_id": number, "md5": md5, "created_at": now, "updated_at": now,
        "rating": "g", "score": 0, "fav_count": 0, "source": "", "width": 1000, "height": 1000, "ext": "jpg",
        "size": _SIZE, "count_general": OF_A_POST, "count_character": 1, "seen_at": now,
    }  # fmt: skip


def _version(number: int, md5: str, now: datetime) -> dict[str, object]:
    return {
        "id": number, "post_key": number, "md5": md5, "ext": "jpg", "size": _SIZE, "width": 1000, "height": 1000,
        "url": "", "renditions": [], "state": "known", "first_seen_at": now,
    }  # fmt: skip


def _decision(number: int, now: datetime) -> dict[str, object]:
    return {
        "seq": number, "version_id": number, "target": TARGET, "value": "keep", "decided_by": "tag", "reason": "",
        "score": 0.9, "threshold": 0.5, "model": "mona/1", "model_hash": "", "policy": "", "decided_at": now,
    }  # fmt: skip


def _file(number: int, path: str, md5: str, now: datetime) -> dict[str, object]:
    return {
        "id": number, "version_id": number, "target": TARGET, "place": "gallery", "path": path, "md5": md5,
        "sha256": "", "size": _SIZE, "stored_at": now,
    }  # fmt: skip
