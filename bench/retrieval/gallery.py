"""A gallery of a million embeddings without a picture, written into the tables at once: a crawl would take days."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from storage.archive import Archive
from storage.archive_records import ArchiveSettings

NETWORK = "b" * 64
DIMENSION = 256
CHARACTERS = 2000
RARE = 100  # posts that carry the rare tag
_NOW = "2026-01-01 00:00:00.000000"
_PAGE = 20_000  # rows at a time


def filled(root: Path, posts: int) -> None:
    """Make the gallery; pictures of one character lie around a point of their own, six of ten name it.

    Ratings g, s, q, e fall to 30, 40, 20 and 10 %; the tag `rare_tag` to RARE posts; every tenth post was looked at
    for the target mona.
    """
    Archive.open(root, ArchiveSettings(reserve_bytes=0)).close()
    with closing(sqlite3.connect(root / "crawl.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("BEGIN")
        database.execute("INSERT INTO backbone (id, hash) VALUES (1, ?)", [NETWORK])
        names = [(number + 1, f"character_{number}", "character") for number in range(CHARACTERS)]
        database.executemany("INSERT INTO tag (id, name, category) VALUES (?, ?, ?)", names)
        database.execute("INSERT INTO tag (id, name, category) VALUES (?, 'rare_tag', 'general')", [CHARACTERS + 1])
        database.execute(_POSTS, {"posts": posts, "now": _NOW})
        database.execute(_VERSIONS, {"now": _NOW})
        database.execute(_NAMED, {"characters": CHARACTERS})
        database.execute(_RARE, {"tag": CHARACTERS + 1, "step": max(1, posts // RARE)})
        database.execute(_TARGET)
        database.executemany(_EMBEDDING, _vectors(posts))
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _vectors(posts: int) -> Iterator[tuple[int, bytes]]:
    random = np.random.default_rng(0)
    middles = random.normal(0, 1, (CHARACTERS, DIMENSION)).astype(np.float32)
    for start in range(0, posts, _PAGE):
        numbers = np.arange(start + 1, min(start + _PAGE, posts) + 1)
        rows = middles[numbers % CHARACTERS] + random.normal(0, 1.5, (len(numbers), DIMENSION)).astype(np.float32)
        yield from zip(numbers.tolist(), [row.tobytes() for row in rows.astype("<f2")], strict=True)


_POSTS = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :posts)
INSERT INTO post (key, site, post_id, md5, created_at, updated_at, rating, score, fav_count, source, has_children,
  is_pending, is_flagged, is_deleted, is_banned, width, height, ext, size, has_ai_tags, count_general, count_artist,
  count_copyright, count_character, count_meta, seen_at)
SELECT n, 'bench', n, printf('%032x', n), :now, :now,
  CASE WHEN n % 10 < 3 THEN 'g' WHEN n % 10 < 7 THEN 's' WHEN n % 10 < 9 THEN 'q' ELSE 'e' END, 0, 0, '', 0, 0, 0, 0, 0,
  800, 600, 'jpg', 1, 0, 0, 0, 0, (n * 7919) % 10 < 6, 0, :now FROM number
"""
_VERSIONS = """
INSERT INTO file_version (id, post_key, md5, ext, size, width, height, url, renditions, state, first_seen_at)
SELECT key, key, md5, 'jpg', 1, 800, 600, '', '[]', 'known', :now FROM post
"""
_NAMED = """
INSERT INTO post_tag (post_key, tag_id) SELECT key, key % :characters + 1 FROM post WHERE count_character = 1
"""
_RARE = "INSERT INTO post_tag (post_key, tag_id) SELECT key, :tag FROM post WHERE key % :step = 1"
_TARGET = "INSERT INTO standing (version_id, target) SELECT id, 'mona' FROM file_version WHERE id % 10 = 5"
_EMBEDDING = "INSERT INTO embedding (version_id, backbone_id, vector) VALUES (?, 1, ?)"
