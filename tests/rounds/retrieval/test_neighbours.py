"""The nearest pictures of the whole gallery: present ones, that fit the terms, by what the database has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from rounds.retrieval.metric import space_of
from rounds.retrieval.neighbours import Neighbours, Terms, highest
from storage.archive import Archive, open_reader
from storage.database.engines.location import database_of
from storage.database.tables import EmbeddingRow
from storage.errors import QueryError
from storage.records import Rating
from storage.search.language import parse
from tests.equipment.parameters import slow_after
from tests.storage.retrieval.vectors import NETWORK, look_at, stored
from tests.storage.samples import list_posts, make_post

AROUND = {number: (np.cos(number / 10), np.sin(number / 10)) for number in range(1, 21)}  # a tenth of a radian apart
EVEN = np.array((1.0, 0.0), dtype=np.float16)


@contextmanager
def neighbours_of(root: Path) -> Iterator[Neighbours]:
    with open_reader(root) as reader, Neighbours(reader, NETWORK) as neighbours:
        yield neighbours


def posts(neighbours: Neighbours, vector: np.ndarray, count: int, *terms: str, target: str | None = None) -> list[int]:
    wanted = Terms(parse(" ".join(terms)), target)
    return [one.version_id for one in neighbours.nearest(vector, count, wanted)]


async def test_the_nearest_come_first_and_the_picture_itself_is_left_out(archive: Archive) -> None:
    await look_at(archive, AROUND)
    with neighbours_of(archive.root) as neighbours:
        vector = neighbours.vector_of(7)
        assert vector is not None

        found = neighbours.nearest(vector, 4, leave_out={7})

    assert {one.version_id for one in found[:2]} == {6, 8}
    assert len(found) == 4
    assert found[0].similarity > found[3].similarity > 0.5


async def test_terms_and_a_target_narrow_them(archive: Archive) -> None:
    explicit = {number: vector for number, vector in AROUND.items() if number % 2}
    await look_at(archive, explicit, rating=Rating.EXPLICIT)
    await look_at(archive, {number: vector for number, vector in AROUND.items() if number not in explicit})
    with neighbours_of(archive.root) as neighbours:
        ids = {number: neighbours.vector_of(number) for number in (1, 11)}
        assert all(vector is not None for vector in ids.values())

        general = posts(neighbours, EVEN, 3, "rating:g")
        kept, others = posts(neighbours, EVEN, 3, target="mona"), posts(neighbours, EVEN, 3, target="fischl")
        none = posts(neighbours, EVEN, 3, "decision:delete")

    assert len(general) == len(kept) == 3
    assert min(general) > len(explicit)
    assert (others, none) == ([], [])


@pytest.mark.parametrize("last", slow_after(1, [700, 2600]))  # found by the third look, and by the last
async def test_a_rare_term_is_found_however_far_away_its_pictures_are(archive: Archive, last: int) -> None:
    near = {number: (1.0, number / 100_000) for number in range(1, last)}
    await look_at(archive, {**near, last: (-1.0, 0.1)}, names={last: "keqing_(genshin_impact)"})
    with neighbours_of(archive.root) as neighbours:
        found = posts(neighbours, EVEN, 3, "keqing_(genshin_impact)")

    assert found == [last]


async def test_a_replaced_file_is_found_no_more_until_it_was_looked_at(archive: Archive) -> None:
    await look_at(archive, AROUND)
    with neighbours_of(archive.root) as neighbours:
        newer = make_post(1, content=b"replaced", updated_at=datetime(2025, 1, 2, tzinfo=UTC))
        await list_posts(archive, [newer])

        found = posts(neighbours, EVEN, 20)

    assert 1 not in found
    assert len(found) == 19


async def test_what_the_database_has_by_now_counts(archive: Archive) -> None:
    await look_at(archive, AROUND)
    with neighbours_of(archive.root) as neighbours:
        before = neighbours.nearest(EVEN, 1)[0]
        change = update(EmbeddingRow).where(EmbeddingRow.version_id == 1).values(vector=stored((-1.0, 0.0)))
        engine = database_of(archive.root).writing_engine(owner=False)
        with engine.begin() as connection:
            connection.execute(change)
        engine.dispose()

        after = neighbours.nearest(EVEN, 1)[0]

    assert (before.version_id, after.version_id) == (1, 2)


async def test_what_cannot_be_asked_is_refused_by_name(archive: Archive) -> None:
    await look_at(archive, AROUND)
    with neighbours_of(archive.root) as neighbours:
        assert neighbours.vector_of(999) is None
        with pytest.raises(ValueError, match="expected an embedding of 2 numbers"):
            neighbours.nearest(np.zeros(3, dtype=np.float16), 1)
        with pytest.raises(QueryError, match="error:likely"):
            posts(neighbours, EVEN, 1, "error:likely")


@pytest.mark.parametrize("count", [1, 5, 700, 999])
def test_the_highest_numbers_are_those_that_sorting_finds(count: int) -> None:
    numbers = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    steps = np.repeat([0.0, 1.0], 500).astype(np.float32)

    assert highest(numbers, count).tolist() == np.argsort(-numbers)[:count].tolist()
    assert steps[highest(steps, count)].sum() == min(count, 500)


def test_in_the_space_of_tagged_characters_what_differs_within_one_counts_less() -> None:
    random = np.random.default_rng(0)
    names = ["mona", "keqing"] * 30
    who = np.array([1.0 if name == "mona" else -1.0 for name in names])
    vectors = np.stack([who + random.normal(0, 0.5, 60), random.normal(0, 3, 60)], axis=1).astype(np.float16)

    centre, matrix = space_of(vectors, names)
    _, plain = space_of(vectors, [""] * 60)

    assert apart((vectors - centre) @ matrix) > 1.5 * apart((vectors - centre) @ plain)


def apart(seen: np.ndarray) -> float:
    """How far two characters' means are from one another, by how far their pictures are from the middle."""
    between = np.linalg.norm(seen[0::2].mean(axis=0) - seen[1::2].mean(axis=0))
    return float(between / np.linalg.norm(seen, axis=1).mean())
