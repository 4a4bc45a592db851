"""Splits: nothing that shows the same drawing is on both sides."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.training.splits import Identity, Shares, group, split


@pytest.mark.fault("M19")
def test_pictures_of_one_drawing_are_one_group_however_we_know_it() -> None:
    identities = [
        Identity(1, md5="a"),
        Identity(2, md5="a"),  # same file as 1
        Identity(3, pixel_hash="p"),
        Identity(4, pixel_hash="p"),  # same pixels as 3
        Identity(5, parent_id=1),  # child of 1
        Identity(6, set_key="x"),
        Identity(7, set_key="x"),  # same set as 6
        Identity(8, picture_hash=0b111100),
        Identity(9, picture_hash=0b111101),  # nearly the same picture as 8
        Identity(10),
        Identity(1, site="elsewhere"),  # another site counts its posts from 1 too
    ]

    groups = group(identities).tolist()

    assert groups == [0, 0, 1, 1, 0, 2, 2, 3, 3, 4, 5]


def test_grandchildren_belong_to_the_family() -> None:
    groups = group([Identity(1), Identity(2, parent_id=1), Identity(3, parent_id=2)])

    assert len(set(groups.tolist())) == 1


@pytest.mark.fault("M19")
def test_no_group_is_torn_and_nothing_is_lost() -> None:
    random = np.random.default_rng(1)
    groups = random.integers(0, 60, 300)
    kinds = [f"character {number % 5}" for number in groups]

    parts = split(groups, kinds, seed=3)

    sides = [set(groups[part].tolist()) for part in (parts.train, parts.validation, parts.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test]).tolist()) == list(range(300))


def test_a_rare_character_is_found_in_every_part() -> None:
    kinds = ["rare"] * 30 + ["common"] * 970

    parts = split(np.arange(1000), kinds, seed=0)

    counts = [sum(kinds[row] == "rare" for row in part) for part in (parts.train, parts.validation, parts.test)]
    assert counts == pytest.approx([22.5, 4.5, 3], abs=2)


def test_the_same_seed_gives_the_same_split() -> None:
    one, other = (split(np.arange(50), ["x"] * 50, seed=9) for _ in range(2))

    assert one.test.tolist() == other.test.tolist()


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        Shares(0.5, 0.2, 0.1)
