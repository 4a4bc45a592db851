"""Wrong tags are found before a network learns them by heart, right ones stay."""

from __future__ import annotations

import numpy as np

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.out_of_fold import Deals
from classifier.heads.tag_check import contradicted_pictures

CHARACTERS, EACH = 6, 60


def gallery(seed: int = 0, *, apart: float = 6.0) -> tuple[FloatArray, FloatArray, IntArray, BoolArray]:
    """Vectors of characters so far apart, tags of which 5 % name another, groups, and which tags are wrong."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(CHARACTERS), EACH)
    centres = random.normal(size=(CHARACTERS, 16)) * apart / 4
    vectors = centres[truth] + random.normal(size=(len(truth), 16))
    tags = truth.copy()
    wrong = np.zeros(len(truth), dtype=bool)
    wrong[random.permutation(len(truth))[: len(truth) // 20]] = True
    tags[wrong] = (truth[wrong] + random.integers(1, CHARACTERS, int(wrong.sum()))) % CHARACTERS
    return vectors, np.eye(CHARACTERS)[tags], random.permutation(len(truth)) // 2, wrong


def test_most_wrong_tags_are_found_and_hardly_a_right_one_is() -> None:
    for seed in range(3):
        vectors, shows, groups, wrong = gallery(seed)

        found = contradicted_pictures(vectors, shows, groups)

        assert (found & wrong).sum() >= 0.7 * wrong.sum()
        assert (found & ~wrong).sum() <= 0.02 * len(wrong)


def test_copies_that_share_a_wrong_tag_do_not_speak_for_each_other() -> None:
    vectors, shows, groups, wrong = gallery()
    copied = np.flatnonzero(wrong)
    many = np.concatenate([np.arange(len(vectors)), np.repeat(copied, 3)])

    found = contradicted_pictures(vectors[many], shows[many], groups[many])

    assert found[: len(vectors)][copied].mean() >= 0.6


def test_a_picture_of_two_is_not_doubted_for_showing_the_other_one() -> None:
    vectors, shows, groups, _ = gallery()
    both = vectors[:EACH] / 2 + vectors[EACH : 2 * EACH] / 2
    named = np.maximum(shows[:EACH], shows[EACH : 2 * EACH])

    found = contradicted_pictures(
        np.concatenate([vectors, both]),
        np.concatenate([shows, named]),
        np.concatenate([groups, groups[:EACH] + 10_000]),
    )

    assert found[len(vectors) :].mean() < 0.2


def test_a_character_of_two_looks_loses_neither() -> None:
    vectors, shows, groups, _ = gallery()
    own = np.flatnonzero(shows[:, 0] > 0)
    strange = own[np.arange(len(own)) % 5 < 2]
    vectors[strange] = vectors[np.flatnonzero(shows[:, 0] == 0)[: len(strange)]]  # they look like another character

    found = contradicted_pictures(vectors, shows, groups)

    assert not found[own].any()


def test_too_few_pictures_to_fit_to_doubt_nothing() -> None:
    vectors, shows, _, _ = gallery()

    for count, groups in ((0, []), (1, [0]), (20, [0] * 20)):
        found = contradicted_pictures(vectors[:count], shows[:count], np.array(groups, dtype=np.int64))
        assert found.tolist() == [False] * count
    assert contradicted_pictures(vectors, shows[:, :0], np.arange(len(vectors)), Deals(deals=1)).sum() == 0
