"""Whom a picture shows: the nearest tagged pictures vote, and the gallery itself says how often that is right."""

from __future__ import annotations

import numpy as np

from rounds.retrieval.name_vote import measured, named, reliability, vote_of
from rounds.retrieval.neighbours import Neighbours
from storage.archive import Archive, open_reader
from tests.storage.retrieval.vectors import NETWORK, look_at

MONA, KEQING = "mona_(genshin_impact)", "keqing_(genshin_impact)"
UNKNOWN = np.zeros(200, dtype=np.uint64)  # hashes


def test_nearer_pictures_count_more() -> None:
    vote = vote_of([MONA, KEQING, KEQING], [0.9, 0.5, 0.5])

    assert (vote.name, vote.agreeing, vote.voters) == (MONA, 1, 3)
    assert 0.9 < vote.share < 1
    assert list(vote.others) == [KEQING]


def test_how_often_a_vote_is_right_is_counted_on_votes_like_it() -> None:
    random = np.random.default_rng(0)
    names = [MONA, KEQING] * 100
    clear = np.stack([[1.0, 0.0] if name == MONA else [0.0, 1.0] for name in names]) + random.normal(0, 0.3, (200, 2))
    mixed = random.normal(size=(200, 40))

    sure = measured(unit(clear), names, UNKNOWN[: len(names)])
    guessed = measured(unit(mixed), names, UNKNOWN[: len(names)])

    vote = vote_of([MONA] * 9 + [KEQING], [0.8] * 10)
    assert sure.of(vote)[0] > 0.9  # type: ignore[index] # it is measured
    assert guessed.of(vote)[0] < 0.7  # type: ignore[index] # it is measured
    assert measured(unit(clear[:5]), names[:5], UNKNOWN[: len(names[:5])]).of(vote) is None


def test_a_picture_that_is_less_like_its_namesakes_than_they_are_is_strange() -> None:
    names = [MONA, KEQING] * 50
    directions = np.eye(6)[[0, 1] * 50] + np.random.default_rng(1).normal(0, 0.2, (100, 6))

    told = measured(unit(directions), names, UNKNOWN[: len(names)])

    assert told.is_strange(vote_of([MONA] * 10, [0.2] * 10))
    assert not told.is_strange(vote_of([MONA] * 10, [0.95] * 10))


def test_copies_of_a_picture_do_not_name_it() -> None:
    names = [MONA, MONA, KEQING, KEQING]
    directions = unit(np.array([[1.0, 0.0], [1.0, 0.3], [0.2, 1.0], [0.1, 1.0]]))

    with_copies = measured(directions, names, np.array([0, 0, 0, 0], dtype=np.uint64))
    without = measured(directions, names, np.array([0b111, 0b101, 0, 0], dtype=np.uint64))

    assert with_copies.right.tolist()[:2] == [True, True]
    assert without.right.tolist()[:2] == [False, False]


async def test_the_gallery_s_tags_name_a_picture(archive: Archive) -> None:
    random = np.random.default_rng(2)
    vectors = {number: (*(np.eye(2)[number % 2] * 3), *random.normal(0, 0.3, 2)) for number in range(1, 81)}
    await look_at(archive, vectors, names={number: (MONA, KEQING)[number % 2] for number in vectors if number > 20})
    with open_reader(archive.root) as reader, Neighbours(reader, NETWORK) as neighbours:
        vector = neighbours.vector_of(4)
        assert vector is not None

        vote, voters = named(reader, neighbours, vector, leave_out=frozenset({4}))
        how_good = reliability(reader, neighbours)

    assert vote is not None
    assert (vote.name, vote.agreeing, len(voters)) == (MONA, 10, 10)
    assert how_good.of(vote)[0] > 0.9  # type: ignore[index] # it is measured


async def test_without_tags_nobody_is_named(archive: Archive) -> None:
    await look_at(archive, {1: (1.0, 0.0), 2: (0.0, 1.0)})
    with open_reader(archive.root) as reader, Neighbours(reader, NETWORK) as neighbours:
        vote, voters = named(reader, neighbours, np.array([1, 0], dtype=np.float16))

    assert (vote, list(voters)) == (None, [])


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
