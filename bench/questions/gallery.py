"""A made-up gallery of a million posts, written straight into the tables in minutes, to be used again.

The tags are spread as Danbooru's are: the n-th most frequent one is carried by about 3.4 of n posts, the first few by
two in three; thirty-five a post. Posts were listed from the newest down, looked at and decided for one target.

It is written in the schema 0009, whose tables never change any more, whatever came later: any newer program can be
measured on it by having it upgrade a copy. A gallery of which there is no room for a copy is upgraded here, before
there are indexes and without a log: minutes instead of an hour.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from storage.database.engines.sqlite import APPLICATION_ID, SqliteDatabase
from storage.database.migrate import steps_on, upgrade

SCHEMA = "0009"
TARGET, TAG = "mona", "tag_300"  # the target, and the tag that names it
VOCABULARY = 100_000  # tags
_COMMON = 0.65  # the share of posts that carry the most frequent tag
_FREQUENT = 3.4  # the n-th tag is carried by this share of posts, divided by n
_AT_ONCE = 20_000
_PAIRS_A_STATEMENT = 50  # a third of the time of a statement for each
_FAST = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-800000")
_CHANGED_LATER = "ix_standing_target_version_id"  # an index that a step takes away: it has to be there
_DRAWN = "n, votes, rating, width, hidden, score, tagged, kept, labelled, tags"
_NOW = "2026-11-30 12:00:00.000000"
_MODEL, _BACKBONE, _POLICY = "a" * 64, "b" * 64, "0123456789abcdef"


def build(database: Path, posts: int, *, seed: int = 13, newest: bool = False) -> None:
    """Write the gallery's database.

    Args:
        database: a path where there is nothing yet.
        posts: how many.
        seed: the same seed gives the same gallery.
        newest: in this program's schema instead of 0009.
    """
    _empty(database)
    with _written(database) as connection:
        connection.execute("PRAGMA temp_store=MEMORY")
        indexes = _without_indexes(connection)
        connection.execute("BEGIN")
        _few_rows(connection)
        _drawn(connection, posts, np.random.default_rng(seed))
        for statement in FILL:
            connection.execute(statement, {"posts": posts, **FIXED})
        connection.execute("COMMIT")
    if newest:
        _bring_up_to_date(database)
    with _written(database) as connection:
        connection.execute("PRAGMA temp_store=FILE")  # in memory the index of tags would be sorted in 40 bytes a pair
        for statement in indexes:
            connection.execute(statement)
        connection.execute("PRAGMA journal_mode=WAL").fetchall()


@contextmanager
def _written(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection that promises nothing to the disk."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for pragma in _FAST:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        yield connection


def _empty(database: Path) -> None:
    database.parent.mkdir(parents=True, exist_ok=True)
    database.touch()
    with _migrating(database) as connection:
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.commit()
        upgrade(connection, SCHEMA)


def _bring_up_to_date(database: Path) -> None:
    """The steps from 0009 on, as `upgrade` runs them, without its search for what refers to nothing."""
    from alembic import command

    with _migrating(database) as connection:
        driver: Any = connection.connection.driver_connection  # past the words by which transactions begin
        for pragma in (*_FAST, "foreign_keys=OFF"):
            driver.execute(f"PRAGMA {pragma}").fetchall()
        with connection.begin():
            command.upgrade(steps_on(connection), "head")


@contextmanager
def _migrating(database: Path) -> Iterator[Connection]:
    engine = SqliteDatabase(database).writing_engine()
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _without_indexes(connection: sqlite3.Connection) -> list[str]:
    """Take the indexes away while tables are filled; gives the statements that make them again."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND name <> ?", (_CHANGED_LATER,)
    ).fetchall()
    for name, _sql in found:
        connection.execute(f"DROP INDEX {name}")
    return [sql for _name, sql in found]


def _drawn(connection: sqlite3.Connection, posts: int, random: np.random.Generator) -> None:
    """What chance decides: which post carries which tag, and the table of facts that the others are filled from."""
    carried = _carried(random, posts)
    tagged = np.zeros(posts + 1, dtype=np.bool_)
    tagged[carried[carried % VOCABULARY == int(TAG.removeprefix("tag_"))] // VOCABULARY] = True
    _fill(connection, "made", _facts(random, tagged, np.bincount(carried // VOCABULARY, minlength=posts + 1)))
    whole = len(carried) - len(carried) % _PAIRS_A_STATEMENT
    several = f"INSERT INTO post_tag VALUES {','.join(['(?,?)'] * _PAIRS_A_STATEMENT)}"
    connection.executemany(several, _pairs(carried[:whole], _PAIRS_A_STATEMENT))
    connection.executemany("INSERT INTO post_tag VALUES (?,?)", _pairs(carried[whole:], 1))


def _fill(connection: sqlite3.Connection, table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    first = next(rows, None)
    if first is None:
        return
    columns = f"({_DRAWN})" if table == "made" else ""
    statement = f"INSERT INTO {table} {columns} VALUES ({','.join('?' * len(first))})"
    connection.execute(statement, first)
    connection.executemany(statement, rows)


def _few_rows(connection: sqlite3.Connection) -> None:
    """What there is of everything else: an identity, a run, a target with a model, tags, a listing."""
    connection.execute(_MADE)
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


def _pairs(carried: npt.NDArray[np.int64], at_once: int) -> Iterator[list[int]]:
    """Keys and tags by turns, so many pairs at once."""
    for start in range(0, len(carried), 20_000 * at_once):
        pairs = np.divmod(carried[start : start + 20_000 * at_once], VOCABULARY)
        yield from np.stack(pairs, axis=1).reshape(-1, 2 * at_once).tolist()


def _facts(
    random: np.random.Generator, tagged: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64]
) -> Iterator[tuple[Any, ...]]:
    """What is drawn of every post; the first key is the newest post, as a walk from the top meets them."""
    posts = len(counts) - 1
    scores = random.beta(0.5, 4, posts)
    columns = (
        np.arange(1, posts + 1),
        (random.exponential(9, posts) - 2).astype(np.int64),
        random.choice(list("gsqe"), posts, p=(0.3, 0.45, 0.12, 0.13)),
        random.integers(600, 3000, posts),
        (random.random(posts) < 0.01).astype(np.int64),
        scores,
        tagged[1:].astype(np.int64),
        (tagged[1:] | (scores >= 0.5)).astype(np.int64),
        (random.random(posts) < min(2000 / posts, 0.1)).astype(np.int64),
        counts[1:],
    )
    for start in range(0, posts, _AT_ONCE):
        yield from zip(*(column[start : start + _AT_ONCE].tolist() for column in columns), strict=True)


_MADE = """\
CREATE TEMPORARY TABLE made (
    n INTEGER PRIMARY KEY, votes, rating, width, hidden, score, tagged, kept, labelled, tags,
    md5 AS (printf('%08x%08x%08x%08x', (n * 2654435761) & 4294967295, (n * 2246822519) & 4294967295,
                   (n * 3266489917) & 4294967295, n)) STORED
)"""
_MOMENT = "strftime('%Y-%m-%d %H:%M:%S', '2015-01-01', (5 * (:posts - n)) || ' minutes') || '.000000'"
_ABOVE = "substr(md5, 1, 2) || '/' || substr(md5, 3, 2) || '/' || md5"
FIXED = {"now": _NOW, "target": TARGET, "tag": TAG, "model": _MODEL, "policy": _POLICY}
FILL = (
    f"""\
INSERT INTO post SELECT n, 'bench', :posts + 1 - n, md5, {_MOMENT}, {_MOMENT}, rating, votes,
max(votes, 0) * 2,
'https://www.pixiv.net/artworks/' || (90000000 + n), n % 5000, NULL, 0, 0, 0, 0, 0,
iif(hidden, 'banned', NULL), md5, NULL,
width, 1600, 'jpg', 1500000 + n % 999, 0, max(tags - 4, 0), 1, 1, 1, 1, :now, 1
FROM made
""",
    f"""\
INSERT INTO file_version SELECT n, n, md5, 'jpg', 1500000, width, 1600,
'https://cdn.donmai.us/original/' || {_ABOVE} || '.jpg',
'[["180x180", "https://cdn.donmai.us/180x180/' || {_ABOVE} || '.jpg", 180, ' || (180 - n % 99) || ', "jpg"], '
|| '["360x360", "https://cdn.donmai.us/360x360/' || {_ABOVE} || '.jpg", 360, ' || (360 - n % 199) || ', "jpg"], '
|| '["720x720", "https://cdn.donmai.us/720x720/' || {_ABOVE} || '.webp", 720, ' || (720 - n % 299) || ', "webp"]]',
iif(n % 200, 'known', 'retry'), iif(n % 200, NULL, 'timeout'), :now, n FROM made
""",
    "INSERT INTO listing_post SELECT 1, :posts + 1 - n, n, 1 FROM made ORDER BY n DESC",
    "INSERT INTO score SELECT n, 1, score, 1 FROM made",
    """\
INSERT INTO decision SELECT n, n, :target, iif(kept, 'keep', 'delete'), iif(tagged, 'tag', 'score'),
iif(tagged, 'carries ' || :tag, 'score ' || round(score, 3)), score, 0.5, :target || '/1', :model, :policy, 1,
:now FROM made
""",
    f"""\
INSERT INTO attempt SELECT n, n, 'rendition', 'https://cdn.donmai.us/720x720/' || {_ABOVE} || '.webp', 1, :now, :now,
'done', NULL, NULL FROM made
""",
    f"""\
INSERT INTO rendition SELECT md5, '720x720', 'renditions/' || {_ABOVE} || '.720x720.webp', 'webp', 720, 540, 30000,
md5 || md5, :now FROM made
""",
    """\
INSERT INTO file SELECT n, n, :target, 'gallery',
'gallery/' || :target || '/' || (:posts + 1 - n) || '_' || md5 || '.jpg', md5, md5 || md5, 1500000, :now, NULL
FROM made WHERE kept
""",
    """\
INSERT INTO label SELECT n, n, :target, CASE n % 3 WHEN 0 THEN 'keep' WHEN 1 THEN 'delete' ELSE 'unsure' END, 'bench',
'click-' || n, :now, 'manual' FROM made WHERE labelled
""",
    "INSERT INTO standing SELECT n, :target, n, iif(labelled, n, NULL), iif(kept, n, NULL) FROM made",
)
