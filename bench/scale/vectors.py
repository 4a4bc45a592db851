"""How fast a server takes vectors, by statement and by COPY: `python -m bench.scale.vectors [--rows N] [--rounds R]`.

Each way writes the same rows, 512 bytes of vector each, with a picture that each refers to, in transactions of 48 (as
looks are filed) and of 2,000 (as a gallery is copied); the ways take turns, and each line is the median of the rounds.
Says that both ways left the same bytes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Connection, text

from bench.scale.server import bench_server
from storage.database.engine import insert_or_update
from storage.database.engines.location import database_of
from storage.database.engines.postgres_copy import copy_in
from storage.database.tables import EmbeddingRow

Rows: TypeAlias = Sequence[tuple[Any, ...]]
TABLE = EmbeddingRow.metadata.tables["embedding"]
_UPSERT = insert_or_update(EmbeddingRow, ("version_id", "backbone_id"), ("vector", "windows", "too_small"))
_PASSING = "CREATE TEMPORARY TABLE IF NOT EXISTS passing (LIKE embedding) ON COMMIT DELETE ROWS"
_FROM_PASSING = """INSERT INTO embedding SELECT * FROM passing
ON CONFLICT (version_id, backbone_id) DO UPDATE
SET vector = excluded.vector, windows = excluded.windows, too_small = excluded.too_small"""


def by_statement(connection: Connection, rows: Rows) -> None:
    """INSERT … ON CONFLICT, a row a statement, sent in a pipeline: what looks are filed by."""
    connection.execute(_UPSERT, [dict(zip(TABLE.c.keys(), row, strict=True)) for row in rows])


def by_text(connection: Connection, rows: Rows) -> None:
    """COPY into the table, vectors in hexadecimal."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY embedding FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def by_copy(connection: Connection, rows: Rows) -> None:
    """Binary COPY into the table: what galleries are copied by."""
    copy_in(connection, TABLE, rows)


def by_copy_and_update(connection: Connection, rows: Rows) -> None:
    """Binary COPY into a passing table, then one INSERT … ON CONFLICT."""
    connection.exec_driver_sql(_PASSING)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy("COPY passing FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "int8", "int8", "bytea", "bytea", "bool"])
        for row in rows:
            copy.write_row(row)
    connection.exec_driver_sql(_FROM_PASSING)


WAYS: Mapping[str, Callable[[Connection, Rows], None]] = {
    "INSERT … ON CONFLICT": by_statement,
    "COPY": by_text,
    "binary COPY": by_copy,
    "binary COPY, then ON CONFLICT": by_copy_and_update,
}


def main() -> None:
    """Write by turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with connected(options.rows) as connection:
        times: dict[tuple[str, int], list[float]] = {(way, size): [] for size in (48, 2000) for way in WAYS}
        left = set()
        for _ in range(options.rounds):
            for way, size in times:
                with connection.begin():
                    connection.execute(text("TRUNCATE embedding"))
                times[way, size].append(seconds(connection, WAYS[way], made(options.rows), size))
                with connection.begin():
                    left.add(connection.execute(text(_LEFT)).scalar_one())
        show(options.rows, {key: statistics.median(values) for key, values in times.items()})
        print(f"every way left the same rows: {'yes' if len(left) == 1 else 'NO'}")


_LEFT = "SELECT md5(string_agg(version_id || md5(vector), ',' ORDER BY version_id)) FROM embedding"


@contextmanager
def connected(rows: int) -> Iterator[Connection]:
    """To a new gallery on a server of its own, with so many pictures."""
    with bench_server() as (_, new_gallery):
        engine = database_of(new_gallery()).writing_engine(owner=False)
        with engine.connect() as connection:
            with connection.begin():
                connection.execute(text(_POSTS), {"rows": rows})
                connection.execute(text(_VERSIONS))
                connection.execute(text("INSERT INTO backbone (id, hash) VALUES (1, 'b')"))
            yield connection
        engine.dispose()


_POSTS = """INSERT INTO post (key, site, post_id, md5, created_at, updated_at, rating, score, fav_count, source,
  has_children, is_pending, is_flagged, is_deleted, is_banned, width, height, ext, size, has_ai_tags,
  count_general, count_artist, count_copyright, count_character, count_meta, seen_at)
SELECT n, 'bench', n, 'm' || n, now(), now(), 'g', 0, 0, '', false, false, false, false, false, 1, 1, 'jpg', 1, false,
  0, 0, 0, 0, 0, now() FROM generate_series(1, :rows) AS n"""
_VERSIONS = """INSERT INTO file_version (id, post_key, md5, ext, size, width, height, url, renditions, state,
  first_seen_at, replaced)
SELECT key, key, md5, 'jpg', 1, 1, 1, '', '[]', 'known', now(), false FROM post"""


def made(count: int) -> list[tuple[Any, ...]]:
    """Rows of the table, whose vectors are half-precision noise: nothing to compress."""
    noise = np.random.default_rng(1).normal(size=(count, 256)).astype("<f2")
    return [(n + 1, n + 1, 1, noise[n].tobytes(), None, False) for n in range(count)]


def seconds(connection: Connection, write: Callable[[Connection, Rows], None], rows: Rows, at_once: int) -> float:
    """To write the rows, so many a transaction."""
    began = time.perf_counter()
    for start in range(0, len(rows), at_once):
        with connection.begin():
            write(connection, rows[start : start + at_once])
    return time.perf_counter() - began


def show(rows: int, medians: Mapping[tuple[str, int], float]) -> None:
    """Vectors a second, and against the first way."""
    print(f"{rows:,} vectors of 512 bytes; vectors a second, median")
    for size in sorted({size for _, size in medians}):
        first = medians[next(iter(WAYS)), size]
        for way in WAYS:
            took = medians[way, size]
            print(f"  {size:5,d} a transaction  {way:32s}{rows / took:10,.0f} /s  {first / took:5.2f}x")


if __name__ == "__main__":
    main()
