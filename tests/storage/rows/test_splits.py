"""What was held out of learning is held out for ever; pictures are known again by their hash."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from storage.archive import Archive, open_reader
from storage.errors import RefusedRequest
from storage.evidence import NO_SPLIT, Evidence, SplitAssignments
from storage.records import Look, Target
from tests.storage.samples import CARD, decide, list_posts, make_post, sight

MONA = Target("mona", "mona_(genshin_impact)")
TRAIN, VALIDATION, TEST = 0, 1, 2
ODD = 0xF123_4567_89AB_CDEF  # the highest bit is set


def look(hash_: int | None) -> Look:
    return Look({"mona": 0.9}, {CARD.backbone_hash: b"\x00\x3c" * 8}, 360, 200, "jpg", picture_hash=hash_)


async def looked_at(archive: Archive, *hashes: int | None) -> None:
    posts = [make_post(number) for number in range(1, len(hashes) + 1)]
    await list_posts(archive, posts)
    for post, hash_ in zip(posts, hashes, strict=True):
        await archive.file_look(sight(post, decide(), look=look(hash_)))


def evidence(archive: Archive) -> Evidence:
    with open_reader(archive.root) as reader:
        return reader.evidence(MONA, CARD.backbone_hash)


def assigned(*parts: int, **changes: object) -> SplitAssignments:
    ids = np.arange(1, len(parts) + 1)
    return SplitAssignments("mona", ids, np.array(parts, dtype=np.int8), **changes)  # type: ignore[arg-type] # the tests' own changes


async def test_the_hash_of_a_look_is_stored_and_a_later_look_without_pixels_leaves_it(archive: Archive) -> None:
    await looked_at(archive, ODD, None, 7)

    await archive.file_look(sight(make_post(1), decide(policy="p2"), look=look(None), rendition=None, stored=None))
    await archive.file_look(sight(make_post(3), decide(policy="p2"), look=look(5), rendition=None, stored=None))

    assert evidence(archive).look_hashes.tolist() == [ODD, 0, 5]


async def test_a_round_adds_the_hashes_that_were_missing(archive: Archive) -> None:
    await looked_at(archive, None, 9)

    await archive.file_assignments(assigned(hashes={1: ODD}))

    assert evidence(archive).look_hashes.tolist() == [ODD, 9]


async def test_parts_are_remembered_and_only_become_stricter(archive: Archive) -> None:
    await looked_at(archive, 1, 2, 3, None)
    assert evidence(archive).frozen_split.tolist() == [NO_SPLIT] * 4

    await archive.file_assignments(assigned(TRAIN, VALIDATION, TEST))
    assert evidence(archive).frozen_split.tolist() == [TRAIN, VALIDATION, TEST, NO_SPLIT]

    await archive.file_assignments(assigned(TEST, TRAIN, TRAIN, TRAIN))
    assert evidence(archive).frozen_split.tolist() == [TEST, VALIDATION, TEST, TRAIN]


async def test_every_target_has_parts_of_its_own(archive: Archive) -> None:
    await looked_at(archive, 1)

    await archive.file_assignments(replace(assigned(TEST), target="fischl"))
    await archive.file_assignments(assigned(TRAIN))

    assert evidence(archive).frozen_split.tolist() == [TRAIN]


async def test_a_post_keeps_its_part_when_its_file_is_replaced(archive: Archive) -> None:
    await looked_at(archive, 1)
    await archive.file_assignments(assigned(TEST))
    again = make_post(1, b"the same drawing, uploaded anew")

    await list_posts(archive, [again])
    await archive.file_look(sight(again, decide(), look=look(2)))

    assert evidence(archive).look_hashes.tolist() == [2]
    assert evidence(archive).frozen_split.tolist() == [TEST]


@pytest.mark.sqlite("test_postgres has the same")
async def test_the_database_itself_refuses_to_give_back_what_was_held_out(archive: Archive, root: Path) -> None:
    await looked_at(archive, 1, 2)
    await archive.file_assignments(assigned(TEST, VALIDATION))

    with closing(sqlite3.connect(root / "crawl.db", isolation_level=None)) as connection:
        for statement in (
            "UPDATE part SET value = 'train' WHERE value = 'validation'",
            "UPDATE part SET value = 'validation' WHERE value = 'test'",
            "DELETE FROM part",
            "REPLACE INTO part (post_key, target, value) SELECT post_key, target, 'train' FROM part",
        ):
            connection.execute("PRAGMA recursive_triggers=ON")
            with pytest.raises(sqlite3.IntegrityError, match="held out for ever"):
                connection.execute(statement)


async def test_parts_without_a_name_or_a_picture_are_refused(archive: Archive) -> None:
    await looked_at(archive, 1)

    for wrong in (
        assigned(3),
        assigned(NO_SPLIT),
        SplitAssignments("mona", np.array([1, 2]), np.array([0], dtype=np.int8)),
    ):
        with pytest.raises(RefusedRequest, match="cannot have the parts"):
            await archive.file_assignments(wrong)

    assert evidence(archive).frozen_split.tolist() == [NO_SPLIT]


async def test_rows_of_the_evidence_are_picked_from_every_column(archive: Archive) -> None:
    await looked_at(archive, 11, 22, 33)

    picked = evidence(archive).rows(np.array([2, 0]))

    assert picked.post_ids.tolist() == [3, 1]
    assert picked.look_hashes.tolist() == [33, 11]
    assert picked.md5s == [evidence(archive).md5s[2], evidence(archive).md5s[0]]
    assert len(picked) == len(picked.vectors) == len(picked.ratings) == 2
