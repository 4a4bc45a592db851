"""`crawl query --format parquet`: what other programs read has real types."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commands.output.parquet_table import parquet_table, write_parquet
from storage.database.results_view import COLUMNS
from storage.reader import Rows

pytest.importorskip("pyarrow")
MADE, DECIDED = "2024-05-01 12:00:00.000000", "2026-11-30 08:15:30.250000"
ROW: dict[str, Any] = {
    "site": "danbooru",
    "post_id": 12,
    "target": "mona",
    "decision": "keep",
    "score": 0.91,
    "tags": "1girl hat mona_(genshin_impact)",
    "tags_character": "mona_(genshin_impact)",
    "tags_copyright": "",
    "tags_artist": "",
    "tags_general": "1girl hat",
    "rating": "g",
    "site_score": 7,
    "width": 800,
    "created_at": MADE,
    "decided_at": DECIDED,
    "site_ai_score": None,
    "label": None,
}


def table(**columns: list[Any]) -> Any:
    return parquet_table(Rows(tuple(columns), list(zip(*columns.values(), strict=True))))


def types(made: Any) -> dict[str, str]:
    return {field.name: str(field.type) for field in made.schema}


def test_results_have_lists_moments_and_numbers() -> None:
    made = parquet_table(Rows(COLUMNS, [tuple(ROW.get(name) for name in COLUMNS)]))

    row = made.to_pylist()[0]
    assert row["tags"] == ["1girl", "hat", "mona_(genshin_impact)"]
    assert row["tags_artist"] == []
    assert row["created_at"] == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert row["decided_at"] == datetime(2026, 11, 30, 8, 15, 30, 250_000, tzinfo=UTC)
    assert (row["post_id"], row["score"], row["site_ai_score"]) == (12, 0.91, None)


def test_types_do_not_hang_on_the_rows_that_were_found() -> None:
    one, none = ([tuple(ROW.get(name) for name in COLUMNS)], [])

    assert types(parquet_table(Rows(COLUMNS, one))) == types(parquet_table(Rows(COLUMNS, none)))
    assert types(parquet_table(Rows(COLUMNS, none)))["site_ai_score"] == "int64"


def test_columns_of_the_tables_have_their_types_too() -> None:
    made = table(is_deleted=[0, 1, None], seen_at=[MADE] * 3, fav_count=[1, 2, 3], size=[9, 9, 9])

    assert types(made) == {
        "is_deleted": "bool",
        "seen_at": "timestamp[us, tz=UTC]",
        "fav_count": "int64",
        "size": "int64",
    }


@pytest.mark.parametrize(
    ("name", "values", "type_"),
    [
        ("n", [1, 2], "int64"),
        ("share", [0.5, None], "double"),
        ("mixed", [1, 0.5], "double"),
        ("odd", [1, "two"], "string"),
        ("nothing", [None, None], "null"),
        ("score", [3, 4], "int64"),  # of a post, and not of a model
        ("tags", [3], "int64"),  # count(*) AS tags
        ("tags", ["hat, dress"], "string"),  # joined in another way
        ("created_at", ["2024"], "string"),  # strftime('%Y', created_at)
        ("is_deleted", [0, 7], "int64"),  # sum(is_deleted)
    ],
)
def test_what_a_select_makes_has_the_type_of_its_values(name: str, values: list[Any], type_: str) -> None:
    assert types(table(**{name: values})) == {name: type_}


def written(tmp_path: Path) -> Path:
    path = tmp_path / "found.parquet"
    with path.open("wb") as file:
        write_parquet(Rows(COLUMNS, [tuple(ROW.get(name) for name in COLUMNS)]), file)
    return path


def test_duckdb_reads_lists_and_moments(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")

    asked = f"SELECT tags[2], epoch(created_at), typeof(created_at), score FROM '{written(tmp_path)}'"
    row = duckdb.sql(asked).fetchall()[0]

    assert row == ("hat", datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp(), "TIMESTAMP WITH TIME ZONE", 0.91)


def test_polars_reads_lists_and_moments(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")

    row = polars.read_parquet(written(tmp_path)).row(0, named=True)

    assert (row["tags_general"], row["created_at"]) == (["1girl", "hat"], datetime(2024, 5, 1, 12, tzinfo=UTC))
