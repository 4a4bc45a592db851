"""The first rows of an answer are the same ones, however the question is begun: only the way to them is shorter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Select, event, select
from sqlalchemy.dialects import sqlite

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database.tables import PostRow
from storage.reader import Reader
from storage.records import LabelValue, PostTags
from storage.retrieval.same_files import other_posts
from storage.search.answers import first_among
from storage.search.language import parse
from storage.search.plan import Plan, plan_for
from storage.search.sql import compile_query, posts_in_order
from tests.storage.samples import CARD, NO_RESERVE, decide, list_posts, make_post, new_gallery, relabel, sight

NOW = datetime(2024, 6, 1, tzinfo=UTC)
POSTS = 120
KEQING = replace(CARD, target="keqing", hash="d" * 64, threshold=0.3)
TERMS = (
    "common", "rare", "-common", "ra*", "*", "-*mon", "decision:keep", "decision:undecided,delete", "label:any",
    "-label:any", "label:delete", "p:>0.9", "p:0.2..0.4", "p:none", "score:>5", "score:<-3", "(rare or p:<0.1)",
    "target:keqing", "rating:g",
)  # fmt: skip
ORDERS = ("", "order:id", "order:p", "order:p_asc", "order:score", "order:score_asc", "order:uncertain")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    root = tmp_path_factory.mktemp("plan") / "gallery-data"
    asyncio.run(fill(root))
    with open_reader(root) as reader:
        yield reader


async def fill(root: Path) -> None:
    """Posts of which most were decided for one target, some for another, a few labelled; some were replaced."""
    chance = random.Random(5)
    posts = [
        make_post(
            number,
            tags=PostTags(general=("common", *(("rare",) if number % 40 == 0 else ()))),
            score=chance.randint(-9, 9),
        )
        for number in range(1, POSTS + 1)
    ]
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, posts)
        for post in posts[10:]:
            score = round(chance.random(), 1)
            card = KEQING if post.id % 9 == 0 else CARD
            value = "keep" if score > 0.8 else "delete" if score < 0.7 else "undecided"
            look = sight(post, decide(value, card=card, score=score), rendition=None, stored=None)
            await archive.file_look(replace(look, models={card.target: card}))
        words = [Label(n, "demo", "mona", LabelValue.DELETE, "me", f"click-{n}") for n in range(20, 60, 5)]
        await relabel(archive, words)
        await list_posts(archive, [make_post(n, b"other bytes %d" % n, tags=posts[n - 1].tags) for n in (40, 41, 99)])


def explained(connection: Connection, statement: Select[Any]) -> str:
    written = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {written}").all())


def plan(reader: Reader, expression: str, limit: int | None) -> Plan | None:
    return reader.ask(lambda c: plan_for(c, parse(expression), NOW, limit))


def test_the_first_rows_are_those_of_the_whole_answer(reader: Reader) -> None:
    chance = random.Random(6)
    for _ in range(40):
        expression = " ".join((*chance.sample(TERMS, 2), chance.choice(ORDERS)))
        whole = reader.query(expression, now=NOW).rows

        assert [reader.query(expression, n, now=NOW).rows for n in (1, 9)] == [whole[:1], whole[:9]], expression


def test_a_rare_term_is_where_it_begins(reader: Reader) -> None:
    found = plan(reader, "common rare", 50)

    assert found is not None
    assert found.begin is not None
    assert reader.ask(lambda c: sorted(c.execute(found.begin).scalars())) == [40, 80, 120]


def test_of_two_rare_terms_only_posts_with_both_are_begun_with(reader: Reader) -> None:
    scores = dict(reader.sql("SELECT post_id, site_score FROM results WHERE post_id IN (40, 80, 120)").rows)
    least = min(scores.values())
    found = plan(reader, f"score:>{least} rare order:favcount", 50)

    assert found is not None
    assert found.begin is not None
    keys = reader.ask(lambda c: sorted(c.execute(found.begin).scalars()))
    assert keys == [post for post, score in sorted(scores.items()) if score > least]
    assert 0 < len(keys) < 3


@pytest.mark.sqlite("its own statement is read")
def test_posts_along_an_indexed_order_are_looked_up_among_those_of_the_rarest_term(reader: Reader) -> None:
    along, sorted_by_another = plan(reader, "common score:>7", 1), plan(reader, "common score:>7 order:favcount", 1)
    assert along is not None
    assert sorted_by_another is not None
    whole = reader.query("common score:>7", now=NOW).rows
    statements: list[str] = []
    event.listen(reader._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    assert reader.query("common score:>7", 1, now=NOW).rows == whole[:1]

    assert (along.begin, sorted_by_another.beside) == (None, None)
    assert along.beside is not None
    assert sorted_by_another.begin is not None
    assert any('post."key" + ? IN (SELECT' in one for one in statements)


def test_frequent_terms_are_tried_along_the_order(reader: Reader) -> None:
    along = plan(reader, "common -rare", 5)
    along_scores = plan(reader, "common -rare order:p", 5)

    assert along is not None
    assert along_scores is not None
    assert (along.begin, along.along_scores) == (None, False)
    assert (along_scores.begin, along_scores.along_scores) == (None, True)


def test_what_is_uncertain_is_looked_for_outwards_from_the_thresholds(reader: Reader) -> None:
    found = plan(reader, "common -rare order:uncertain", 5)
    statements: list[str] = []
    event.listen(reader._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    rows = reader.query("common -rare order:uncertain", 5, now=NOW).rows

    assert found is not None
    assert found.from_thresholds
    assert len(rows) == 5
    (asked,) = (one for one in statements if "LIMIT" in one and "machine_score BETWEEN" in one)
    assert asked.count("machine_score BETWEEN") == 2  # around 0.3 and 0.5, and never further


def test_posts_in_the_order_of_the_answer_are_tried_until_there_are_enough(reader: Reader) -> None:
    query, statements = parse("rare order:score_asc"), []
    keys = posts_in_order(query, select(PostRow.key))
    assert keys is not None
    in_order = reader.ask(lambda c: c.execute(keys).scalars().all())
    whole = reader.ask(lambda c: c.execute(compile_query(query, NOW)).all())
    event.listen(reader._engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    def first(wanted: int) -> Sequence[Any]:
        statement = compile_query(query, NOW, limit=wanted)
        return reader.ask(lambda c: first_among(c, statement, in_order, wanted=wanted, tried=1))

    assert first(1) == whole[:1]
    until_one = sum("ORDER BY" in one for one in statements)
    assert first(9) == whole
    assert until_one < 5
    assert sum("ORDER BY" in one for one in statements) - until_one == 5  # 1, 4, 16, 64 and the other 35 of 120 posts


@pytest.mark.sqlite("its own plan is read")
def test_the_other_posts_of_a_file_are_found_by_the_file(reader: Reader) -> None:
    """Not by the target, which has a row for nearly every picture."""
    asked: list[tuple[str, Any]] = []
    event.listen(reader._engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    reader.ask(lambda c: other_posts(c, [1, 2, 3], "mona"))
    (statement, values) = next(one for one in asked if "file_version_1" in one[0])

    steps = str(reader.ask(lambda c: c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()))

    assert "ix_file_version_md5 (md5=?" in steps
    assert "ix_standing_target" not in steps


def test_nothing_is_planned_where_everything_is_asked_for(reader: Reader) -> None:
    assert plan(reader, "common -rare", None) is None


@pytest.mark.sqlite("its plan, in its words")
def test_a_million_posts_are_not_sorted_to_show_a_few(reader: Reader) -> None:
    """By SQLite's own plan: along an index, whose ties alone are sorted."""
    for expression in ("common -rare", "common order:score"):
        found = plan(reader, expression, 5)
        assert found is not None
        statement = compile_query(replace(parse(expression), root=found.root), NOW, limit=5, tags=found.tags)
        steps = reader.ask(lambda c, wanted=statement: explained(c, wanted))
        assert "USING INDEX ix_post" in steps
        assert "USE TEMP B-TREE FOR ORDER BY" not in steps
