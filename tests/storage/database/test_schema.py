"""The database is what the migrations build, what the code thinks, and what the documentation says."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.dialects import sqlite

import migrations
from storage.archive import Archive
from storage.database.engines.location import database_of
from storage.database.results_view import COLUMNS, results_select
from storage.database.tables import Base

DOCUMENT = Path(migrations.__file__).parent.parent / "docs" / "database.md"


def test_the_migrations_build_exactly_the_tables_of_the_code(archive: Archive, root: Path) -> None:
    engine = database_of(root).writing_engine(owner=False)
    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert difference == []


@pytest.mark.sqlite("test_postgres has the same")
def test_the_view_in_the_database_is_the_one_that_the_code_queries(archive: Archive, root: Path) -> None:
    expected = results_select().compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})

    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        stored = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'results'").fetchone()[0]

    assert " ".join(stored.split()) == " ".join(f"CREATE VIEW results AS {expected}".split())


def test_the_newest_step_is_the_one_that_the_program_expects() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))

    assert ScriptDirectory.from_config(config).get_current_head() == migrations.HEAD


def test_every_column_of_every_table_and_of_the_view_is_documented(archive: Archive, root: Path) -> None:
    documented: dict[str, list[str]] = {}
    heading = ""
    for line in DOCUMENT.read_text("utf-8").splitlines():
        if found := re.match(r"##+ (?:The view )?`(\w+)`", line):
            heading = found[1]
        elif (found := re.match(r"\| `(\w+)` \| \S", line)) and heading:
            documented.setdefault(heading, []).append(found[1])
    engine = database_of(root).writing_engine(owner=False)
    with engine.connect() as connection:
        there = inspect(connection)
        names = [*there.get_table_names(), *there.get_view_names()]
        actual = {name: [column["name"] for column in there.get_columns(name)] for name in names}
    engine.dispose()

    assert documented == actual
    assert tuple(documented["results"]) == COLUMNS


@pytest.mark.sqlite("about its planner")
def test_hot_questions_use_an_index(archive: Archive, root: Path) -> None:
    questions = {
        "SELECT post_key FROM post_tag WHERE tag_id = 1": "ix_post_tag_tag_id_post_key",
        "SELECT post_key FROM ai_tag WHERE name_id = 1 AND score > 50": "ix_ai_tag_name_id_post_key",
        "SELECT key FROM post WHERE site = 'x' AND post_id = 1": "(site=? AND post_id=?)",
        "SELECT id FROM attempt WHERE outcome IS NULL": "ix_attempt_open",
        "SELECT id FROM file WHERE md5 = 'x'": "ix_file_md5",
        "SELECT 1 FROM listing_post WHERE listing_id = 1 AND post_id < 9 ORDER BY post_id DESC": "PRIMARY KEY",
    }
    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        for question, index in questions.items():
            plan = connection.execute(f"EXPLAIN QUERY PLAN {question}").fetchall()
            assert index in str(plan), question
            assert "SCAN" not in str(plan) or index == "ix_attempt_open", question
