"""A made-up gallery of a million posts, written straight into the tables in minutes, to be used again.

The tags are spread as Danbooru's are: the n-th most frequent one is carried by about 3.4 of n posts, the first few by
two in three; thirty-five a post. Posts were listed from the newest down, looked at and decided for one target.

It is written in the schema 0009, whose tables never change any more, whatever came later: any newer program can be
measured on it by having it upgrade a copy.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.database.engine import APPLICATION_ID, writing_engine
from storage.database.migrate import upgrade

SCHEMA = "0009"
TARGET, TAG = "mona", "tag_300"  # the target, and the tag that names it
VOCABULARY = 100_000  # tags
_COMMON = 0.65  # the share of posts that carry the most frequent tag
_FREQUENT = 3.4  # the n-th tag is carried by this share of posts, divided by n
_AT_ONCE = 20_000
_FIRST_DAY = datetime(2015, 1, 1)  # noqa: DTZ001 - as the database holds it, in UTC
_NOW = "2026-11-30 12:00:00.000000"
_MODEL, _BACKBONE, _POLICY = "a" * 64, "b" * 64, "0123456789abcdef"


def build(database: Path, posts: int, *, seed: int = 13) -> None:
    """Write the gallery's database.

    Args:
        database: a path where there is nothing yet.
        posts: how many.
        seed: the same seed gives the same gallery.
    """
    _empty(database)
    random = np.random.default_rng(seed)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-800000", "temp_store=MEMORY"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        indexes = _without_indexes(connection)
        connection.execute("BEGIN")
        _few_rows(connection)
        carried = _carried(random, posts)
        tagged = np.zeros(posts + 1, dtype=np.bool_)
        tagged[carried[carried % VOCABULARY == int(TAG.removeprefix("tag_"))] // VOCABULARY] = True
        counts = np.bincount(carried // VOCABULARY, minlength=posts + 1)
        _fill(
            connection, "post_tag", zip((carried // VOCABULARY).tolist(), (carried % VOCABULARY).tolist(), strict=True)
        )
        del carried
        _fill(connection, "post", _posts(random, counts))
        _fill(connection, "file_version", _versions(posts))
        _fill(connection, "listing_post", ((1, number, posts + 1 - number, 1) for number in range(1, posts + 1)))
        _looks(connection, random, tagged)
        connection.execute("COMMIT")
        for statement in indexes:
            connection.execute(statement)
        connection.execute("PRAGMA journal_mode=WAL").fetchall()


def _empty(database: Path) -> None:
    database.parent.mkdir(parents=True, exist_ok=True)
    database.touch()
    engine = writing_engine(database)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.commit()
            upgrade(connection, SCHEMA)
    finally:
        engine.dispose()


def _without_indexes(connection: sqlite3.Connection) -> list[str]:
    """Take the indexes away while tables are filled; gives the statements that make them again."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _sql in found:
        connection.execute(f"DROP INDEX {name}")
    return [sql for _name, sql in found]


def _fill(connection: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    first = next(rows, None)
    if first is None:
        return
    statement = f"INSERT INTO {table} VALUES ({','.join('?' * len(first))})"
    connection.execute(statement, first)
    connection.executemany(statement, rows)


def _few_rows(connection: sqlite3.Connection) -> None:
    """What there is of everything else: an identity, a run, a target with a model, tags, a listing."""
    connection.execute("INSERT INTO gallery VALUES (?, ?)", ("0" * 32, _NOW))
    connection.execute(
        "INSERT INTO run VALUES (1, 'crawl', 'bench', 'tag_1', '[\"mona\"]', '{}', '[]', ?, ?, 'ended', 0, '{}')",
        (_NOW, _NOW),
    )
    connection.execute(
        "INSERT INTO target (site, name, tag, variants, aliases) VALUES ('bench', ?, ?, '[]', '[]')", (TARGET, TAG)
    )
    connection.execute("INSERT INTO backbone (id, hash) VALUES (1, ?)", (_BACKBONE,))
    connection.execute(
        "INSERT INTO model (id, target, number, hash, backbone_hash, threshold, round, facts, seen_at, registered_at,"
        " active, activated_at) VALUES (1, ?, 1, ?, ?, 0.5, 1, '{}', ?, ?, 1, ?)",
        (TARGET, _MODEL, _BACKBONE, _NOW, _NOW, _NOW),
    )
    kinds = ("general",) * 14 + ("character", "character", "copyright", "artist", "meta", "general")
    tags = ((n, f"tag_{n}", kinds[n % len(kinds)]) for n in range(1, VOCABULARY))
    _fill(connection, "tag", tags)
    connection.execute(
        "INSERT INTO listing VALUES (1, 'bench', 'tag_1', 1, 0, 1, NULL, NULL, 'complete', NULL, ?, ?)", (_NOW, _NOW)
    )


def _carried(random: np.random.Generator, posts: int) -> npt.NDArray[np.int64]:
    """Which post carries which tag: post's key times VOCABULARY plus tag's id, sorted."""
    parts = []
    for tag in range(1, VOCABULARY):
        share = min(_COMMON, _FREQUENT / tag)
        if share > 0.02:
            keys = np.flatnonzero(random.random(posts) < share) + 1
        else:
            keys = np.unique(random.integers(1, posts + 1, random.binomial(posts, share)))
        parts.append(keys * VOCABULARY + tag)
    found = np.concatenate(parts)
    found.sort()
    return found


def _pairs(carried: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    for start in range(0, len(carried), 1_000_000):
        keys, tags = np.divmod(carried[start : start + 1_000_000], VOCABULARY)
        yield from zip(keys.tolist(), tags.tolist(), strict=True)


def _posts(random: np.random.Generator, counts: npt.NDArray[np.int64]) -> Iterator[tuple[Any, ...]]:
    """Rows of `post`; the first key is the newest post, as a walk from the top meets them."""
    posts = len(counts) - 1
    for start in range(1, posts + 1, _AT_ONCE):
        keys = range(start, min(start + _AT_ONCE, posts + 1))
        scores = (random.exponential(9, len(keys)) - 2).astype(int).tolist()
        ratings = random.choice(list("gsqe"), len(keys), p=(0.3, 0.45, 0.12, 0.13)).tolist()
        wide = random.integers(600, 3000, len(keys)).tolist()
        hidden = (random.random(len(keys)) < 0.01).tolist()
        for at, key in enumerate(keys):
            number = posts + 1 - key
            moment = str(_FIRST_DAY + timedelta(minutes=5 * number)) + ".000000"
            yield (
                key, "bench", number, _md5(number), moment, moment, ratings[at], scores[at], max(scores[at], 0) * 2,
                f"https://www.pixiv.net/artworks/{90_000_000 + number}", number % 5000, None, 0, 0, 0, 0, 0,
                "banned" if hidden[at] else None, _md5(-number), None, wide[at], 1600, "jpg", 1_500_000 + number % 999,
                0, int(counts[key]) - 4, 1, 1, 1, 1, _NOW, 1,
            )  # fmt: skip


def _versions(posts: int) -> Iterator[tuple[Any, ...]]:
    for key in range(1, posts + 1):
        md5 = _md5(posts + 1 - key)
        above = f"{md5[:2]}/{md5[2:4]}/{md5}"
        renditions = [
            [name, f"https://cdn.donmai.us/{name}/{above}.{ext}", size, size - key % 200, ext]
            for name, size, ext in (("180x180", 180, "jpg"), ("360x360", 360, "jpg"), ("720x720", 720, "webp"))
        ]
        state = ("known", None) if key % 200 else ("retry", "timeout")
        yield (
            key, key, md5, "jpg", 1_500_000, 1200, 1600, f"https://cdn.donmai.us/original/{above}.jpg",
            json.dumps(renditions), *state, _NOW, key,
        )  # fmt: skip


def _looks(connection: sqlite3.Connection, random: np.random.Generator, tagged: npt.NDArray[np.bool_]) -> None:
    """Attempts, renditions, scores and decisions of every post, labels of a few, files of what is kept."""
    posts = len(tagged) - 1
    scores = random.beta(0.5, 4, posts)
    kept = (tagged[1:] | (scores >= 0.5)).tolist()
    by_tag, score = tagged[1:].tolist(), scores.tolist()
    md5s = [_md5(number) for number in range(posts, 0, -1)]
    _fill(connection, "score", ((key + 1, 1, score[key], 1) for key in range(posts)))
    decisions = (
        (
            key + 1, key + 1, TARGET, "keep" if kept[key] else "delete", "tag" if by_tag[key] else "score",
            f"carries {TAG}" if by_tag[key] else f"score {score[key]:.3f}", score[key], 0.5, "mona/1", _MODEL, _POLICY,
            1, _NOW,
        )
        for key in range(posts)
    )  # fmt: skip
    _fill(connection, "decision", decisions)
    _fill(
        connection,
        "attempt",
        (
            (key, key, "rendition", f"https://cdn.donmai.us/720x720/{m[:2]}/{m[2:4]}/{m}.webp", 1, _NOW, _NOW, "done",
             None, None)
            for key, m in enumerate(md5s, 1)
        ),
    )  # fmt: skip
    _fill(
        connection,
        "rendition",
        (
            (m, "720x720", f"renditions/{m[:2]}/{m[2:4]}/{m}.720x720.webp", "webp", 720, 540, 30_000, m + m, _NOW)
            for m in md5s
        ),
    )
    kept_keys = [key for key in range(1, posts + 1) if kept[key - 1]]
    _fill(
        connection,
        "file",
        (
            (at, key, TARGET, "gallery", f"gallery/{TARGET}/{posts + 1 - key}_{md5s[key - 1]}.jpg", md5s[key - 1],
             md5s[key - 1] * 2, 1_500_000, _NOW, None)
            for at, key in enumerate(kept_keys, 1)
        ),
    )  # fmt: skip
    labelled = random.choice(np.arange(1, posts + 1), min(2000, posts // 10), replace=False).tolist()
    _fill(
        connection,
        "label",
        (
            (at, key, TARGET, ("keep", "delete", "unsure")[at % 3], "bench", f"click-{at}", _NOW, "manual")
            for at, key in enumerate(labelled, 1)
        ),
    )
    label_of, file_of = ({key: at for at, key in enumerate(keys, 1)} for keys in (labelled, kept_keys))
    standing = ((key, TARGET, key, label_of.get(key), file_of.get(key)) for key in range(1, posts + 1))
    _fill(connection, "standing", standing)


def _md5(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
