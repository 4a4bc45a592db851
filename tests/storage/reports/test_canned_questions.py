"""The questions that `crawl report` and Datasette ask: each runs on the schema as it is, and says what is so."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from storage.archive import open_reader
from storage.archive_records import Label
from storage.label_writer import Labelling
from storage.lifecycle.gallery_copy import copy_gallery
from storage.reader import Reader
from storage.records import LabelValue
from storage.reports.canned_questions import QUESTIONS, CannedQuestion, answer
from tests.equipment.postgres import PostgresServer
from tests.equipment.review_gallery import SITE, Made, fill
from tests.storage.samples import NO_RESERVE


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Made]:
    root = tmp_path_factory.mktemp("gallery") / "root"
    made = fill(root, 120)
    post = int(np.flatnonzero(made.tagged)[0]) + 1
    with Labelling(root) as labels:
        labels.relabel([Label(post, SITE, "mona", LabelValue.DELETE, "tester", "1")])
    return root, made


@pytest.fixture
def reader(filled: tuple[Path, Made]) -> Iterator[Reader]:
    with open_reader(filled[0]) as opened:
        yield opened


def asked(reader: Reader, name: str, target: str = "mona") -> list[dict[str, object]]:
    question = next(one for one in QUESTIONS if one.name == name)
    return list(reader.ask(lambda c: answer(c, question, target)).mappings())


@pytest.mark.sqlite("asked by Datasette, of the file")
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_each_question_runs_as_plain_sqlite_on_a_connection_that_cannot_write(
    filled: tuple[Path, Made], question: CannedQuestion
) -> None:
    with closing(sqlite3.connect(f"{(filled[0] / 'crawl.db').as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute(question.sql, question.parameters).fetchall()

    assert rows or question.name == "runs"


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.by_target], ids=lambda one: one.name)
def test_no_target_means_all_of_them(reader: Reader, question: CannedQuestion) -> None:
    assert asked(reader, question.name, "") == asked(reader, question.name)
    assert asked(reader, question.name, "nobody") == []


@pytest.mark.sqlite("it begins with one, and moves that to a server")
def test_the_questions_have_the_same_answers_on_a_server(
    filled: tuple[Path, Made], server: PostgresServer, tmp_path: Path
) -> None:
    shutil.copytree(filled[0], root := tmp_path / "root")
    with open_reader(root) as reader:
        in_a_file = every_answer(reader)

    copy_gallery(root, server.new_database(), NO_RESERVE)

    with open_reader(root) as reader:
        assert not reader.database.is_file
        assert every_answer(reader) == in_a_file


def every_answer(reader: Reader) -> dict[str, list[list[dict[str, object]]]]:
    return {
        question.name: [asked(reader, question.name, target) for target in ("mona", "", "nobody")]
        for question in QUESTIONS
    }


def test_names_of_questions_are_addresses() -> None:
    assert all(one.name.isidentifier() for one in QUESTIONS)
    assert len({one.name for one in QUESTIONS}) == len(QUESTIONS)


def test_what_was_found_is_kept_and_its_tags_name_nobody_wanted(reader: Reader, filled: tuple[Path, Made]) -> None:
    made = filled[1]
    kept = {row["post_id"] for row in reader.query("decision:keep").mappings()}

    found = [row["post_id"] for row in asked(reader, "found_untagged")]

    assert set(found) == {post for post in kept if not made.tagged[int(post) - 1]}


def test_sums_agree_with_each_other_and_with_the_search(reader: Reader) -> None:
    kept = len(reader.query("decision:keep").rows)
    untagged = len(asked(reader, "found_untagged"))

    for name in ("ratings", "over_time"):
        rows = asked(reader, name)
        assert sum(int(str(row["kept"])) for row in rows) == kept
        assert sum(int(str(row["untagged"])) for row in rows) == untagged
        assert sum(int(str(row["posts"])) for row in rows) == 120
    assert sum(int(str(row["kept"])) for row in asked(reader, "artists")) == kept
    assert sum(int(str(row["untagged"])) for row in asked(reader, "artists")) == untagged


def test_a_label_is_what_holds_and_a_correction(reader: Reader) -> None:
    rows = asked(reader, "corrections")

    assert [(row["label"], row["machine"]) for row in rows] == [("delete", "keep")]
    by_label = [row for row in asked(reader, "decisions") if row["decided_by"] == "label"]
    assert [(row["decision"], row["posts"]) for row in by_label] == [("delete", 1)]
