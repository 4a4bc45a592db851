"""Small questions that commands and rounds ask of a whole gallery, and that storage alone asks in SQL."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.label_writer import Labelling
from storage.reader import Reader
from storage.records import DecidedBy, LabelValue, Look, PostTags
from storage.rows.evidence import pictures_by_network, stored_without_hash
from storage.rows.labels import newest_label
from storage.rows.named_posts import carried_characters, shown_in_posts
from storage.rows.status import decided_posts
from tests.storage.samples import CARD, decide, list_posts, make_post, sight

REPOSITORY = Path(__file__).parents[2]
OTHER_ROOMS = ("commands", "crawler", "classifier", "rounds", "review", "demo", "system")
STATEMENT = re.compile(r"\s*(SELECT\s|WITH\s.+\sSELECT|INSERT\s+INTO|UPDATE\s.+\sSET|DELETE\s+FROM)", re.DOTALL)
EMBEDDING = b"\x00\x3c" * 8
TAGS = (
    PostTags(general=("hat",), character=("mona", "keqing")),
    PostTags(general=("mona_(cosplay)",), character=("mona", "keqing")),
    PostTags(general=("hat",)),
)


@pytest.fixture
async def reader(archive: Archive) -> Iterator[Reader]:
    """A gallery of three posts: one kept by its score, one with a fault, one that nobody looked at."""
    posts = [make_post(number, tags=tags) for number, tags in enumerate(TAGS, start=1)]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    looked = Look(scores={"mona": 0.9}, embeddings={CARD.backbone_hash: EMBEDDING}, width=9, height=9, picture_hash=5)
    await archive.file_look(sight(posts[0], look=looked))
    fault = replace(decide("undecided"), decided_by=DecidedBy.FAULT, reason="truncated", score=None)
    await archive.file_look(sight(posts[1], fault, look=Look(fault="truncated"), models={}))
    with open_reader(archive.root) as reader:
        yield reader


def label(archive: Archive, post_id: int, value: str) -> None:
    with Labelling(archive.root) as labelling:
        labelling.relabel([Label(post_id, "demo", "mona", LabelValue(value), "me", f"{post_id} {value}")])


async def test_the_characters_that_posts_carry_are_named_once_each(reader: Reader) -> None:
    assert reader.ask(carried_characters) == ["keqing", "mona"]


async def test_a_costume_is_nobody_in_the_picture(reader: Reader) -> None:
    shown = reader.ask(shown_in_posts)

    assert {post: list(names) for post, names in shown.items()} == {
        ("demo", 1): ["keqing", "mona"],
        ("demo", 2): ["keqing"],
        ("demo", 3): [],
    }


async def test_pictures_are_counted_by_the_network_that_saw_them(reader: Reader) -> None:
    assert reader.ask(pictures_by_network) == {CARD.backbone_hash: 1}


async def test_a_stored_picture_without_a_hash_is_found(reader: Reader) -> None:
    assert len(reader.ask(stored_without_hash)) == 1


async def test_a_fault_is_no_decision_until_a_person_decides(reader: Reader, archive: Archive) -> None:
    before = reader.ask(lambda c: decided_posts(c, "mona"))
    label(archive, 2, "keep")

    assert (before, reader.ask(lambda c: decided_posts(c, "mona"))) == (1, 2)
    assert reader.ask(lambda c: decided_posts(c, "keqing")) == 0


async def test_the_newest_label_is_the_last_one_filed_and_none_is_zero(reader: Reader, archive: Archive) -> None:
    before = reader.ask(newest_label)
    label(archive, 1, "keep")
    label(archive, 2, "delete")

    assert (before, reader.ask(newest_label)) == (0, 2)


def statements(source: str) -> list[str]:
    """The texts in a module that are SQL."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [text for text in texts if isinstance(text, str) and STATEMENT.match(text)]


def test_no_other_room_writes_sql() -> None:
    paths = [path for room in OTHER_ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]

    assert len(paths) > 100
    assert {str(path): found for path in paths if (found := statements(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize("text", ["SELECT name FROM tag", "DELETE FROM label", "UPDATE post SET key = 1"])
def test_a_statement_in_a_text_would_be_noticed(text: str) -> None:
    assert statements(f"ASKED = {text!r}") == [text]
