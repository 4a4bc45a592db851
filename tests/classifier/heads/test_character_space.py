"""How the characters that tags name help with one of whom only a few pictures are known."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.heads.character_space import NOBODY, CharacterSpace, numbered
from classifier.heads.logistic_head import LinearHead
from classifier.metrics.calibration import sigmoid

D, EACH = 12, 40


def pictures(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Five characters, number 4 hardly known; all differ most in directions that tell nothing of who it is."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(5), EACH)
    noise = random.normal(size=(len(who), D)) * np.array([2.0] * 6 + [0.5] * 6)
    means = np.zeros((5, D))
    means[:, 6:] = random.normal(size=(5, 6)) * 2.0
    return means[who] + noise, who


def space_of(vectors: np.ndarray, who: np.ndarray) -> CharacterSpace:
    found = CharacterSpace.of(vectors, np.where(who == 4, NOBODY, who))
    assert found is not None
    return found


def test_what_differs_among_pictures_of_one_character_counts_less_than_what_tells_them_apart() -> None:
    vectors, who = pictures()

    seen = space_of(vectors, who).seen(vectors)

    apart = np.linalg.norm(seen[who == 0].mean(axis=0) - seen[who == 1].mean(axis=0))
    spread = np.sqrt(((seen[who == 0] - seen[who == 0].mean(axis=0)) ** 2).sum(axis=1).mean())
    before = np.linalg.norm(vectors[who == 0].mean(axis=0) - vectors[who == 1].mean(axis=0))
    spread_before = np.sqrt(((vectors[who == 0] - vectors[who == 0].mean(axis=0)) ** 2).sum(axis=1).mean())
    assert apart / spread > 1.5 * before / spread_before
    assert (seen[who < 4] ** 2).mean() == pytest.approx(1.0)


def test_three_pictures_tell_the_others_of_a_character_from_everybody_else() -> None:
    vectors, who = pictures()
    space = space_of(vectors, who)
    shows, queried = np.zeros(len(who), dtype=np.bool_), np.ones(len(who), dtype=np.bool_)
    shows[np.flatnonzero(who == 4)[:3]] = True
    queried &= ~shows

    likely = sigmoid(space.log_ratios(space.seen(vectors), shows, queried)) > 0.5

    assert likely[who[queried] == 4].mean() > 0.8
    assert likely[who[queried] != 4].mean() < 0.02


def test_somebody_whom_no_tag_names_is_not_taken_for_the_target() -> None:
    vectors, who = pictures()
    named = np.where(who >= 2, NOBODY, who)  # characters 2 and 3 are in the gallery, and no tag says so
    space = CharacterSpace.of(vectors, named)
    assert space is not None
    shows = np.zeros(len(who), dtype=np.bool_)
    shows[np.flatnonzero(who == 4)[:5]] = True

    ratios = space.log_ratios(space.seen(vectors), shows, ~shows)

    unnamed = np.isin(who[~shows], (2, 3))
    assert (ratios[unnamed] < 0).mean() > 0.95


def test_a_head_of_the_space_scores_embeddings_alike() -> None:
    vectors, who = pictures()
    space = space_of(vectors, who)
    head = LinearHead(np.random.default_rng(1).normal(size=D), 0.3)

    assert space.head(head).logits(vectors) == pytest.approx(head.logits(space.seen(vectors)))


@pytest.mark.parametrize("most", [1, 4])
def test_too_few_pictures_or_characters_span_no_space(most: int) -> None:
    vectors, who = pictures()
    few = np.flatnonzero(who < 2 if most == 4 else who == 0)
    rows = np.concatenate([few[who[few] == number][:most] for number in (0, 1)]) if most == 4 else few

    assert CharacterSpace.of(vectors[rows], who[rows]) is None


def test_names_are_numbered_and_none_is_nobody() -> None:
    assert numbered(["mona", "", "keqing", "mona"]).tolist() == [2, NOBODY, 1, 2]
