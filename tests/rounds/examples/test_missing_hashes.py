"""Pictures from before hashes were stored are hashed, the important ones first and within a time limit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from classifier.errors import PictureFault
from rounds.examples.missing_hashes import HashingPace, StoredPictures, missing_hashes, with_hashes, without_hash
from tests.rounds.evidence import answered, scene

pytestmark = pytest.mark.no_gallery


@dataclass
class Decoded:
    hash: int
    pixels: tuple[np.ndarray, ...] = ()


@dataclass
class Decoder:
    """Hashes are ten times the number in the picture; `broken` cannot be decoded."""

    now: float = 0.0

    async def decode(self, picture: bytes) -> Decoded:
        self.now += 1.0
        if picture == b"broken":
            raise PictureFault("truncated")
        return Decoded(10 * int(picture))


def test_answered_pictures_come_first_and_what_has_a_hash_or_no_picture_not_at_all() -> None:
    evidence = answered(scene(60).evidence, {40: "keep", 7: "delete"})
    speaking = [row for row in range(50) if evidence.named[row] and row not in (7, 40)]
    silent = [row for row in range(50) if not evidence.named[row] and row not in (7, 40)]

    rows = without_hash(evidence, stored=set(range(1, 51)))

    assert rows.tolist() == [7, 40, *speaking, *silent]
    assert without_hash(evidence, stored=set(range(1, 51)), at_most=3).tolist() == [7, 40, speaking[0]]


async def test_hashes_are_found_where_there_is_a_whole_picture() -> None:
    evidence = replace(scene(6).evidence, look_hashes=np.array([0, 0, 0, 0, 0, 99], dtype=np.uint64))
    pictures = {1: b"1", 2: b"broken", 4: b"4"}

    found = await missing_hashes(evidence, np.arange(5), StoredPictures(pictures.get, Decoder()))

    assert found == {1: 10, 4: 40}
    assert with_hashes(evidence, found).look_hashes.tolist() == [10, 0, 0, 40, 0, 99]


async def test_a_slow_machine_leaves_the_rest_to_the_next_round() -> None:
    evidence, decoder = scene(50).evidence, Decoder()

    pictures = StoredPictures(lambda version: b"%d" % version, decoder)
    pace = HashingPace(in_flight=1, budget_s=5, clock=lambda: decoder.now)

    found = await missing_hashes(evidence, np.arange(50), pictures, pace)

    assert sorted(found) == [1, 2, 3, 4, 5]
