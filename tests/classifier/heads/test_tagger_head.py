"""The penultimate layer of the user's tagger is a block of a head where it helps out of fold, and nothing elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.heads.head_training import LearnedHead, learn_head
from classifier.heads.noisy_labels import LabelSource
from classifier.heads.training_set import TEST, HeadPlan, HeadTrainingSet
from classifier.tagger_block import TaggerVectors
from storage.records import Stratum
from tests.classifier.heads.test_ai_stacking import COUNT, gallery

NETWORK = "c" * 64 + "." + "1" * 16
OTHER = "d" * 64 + "." + "1" * 16


def layer(shows: np.ndarray, *, tells: float = 3.0, seed: int = 5) -> np.ndarray:
    """Forty numbers of very different spread; the smallest tells who is shown."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(COUNT, 40))
    numbers[:, 7] += np.where(shows, tells, 0.0)
    spread = np.linspace(0.1, 50, 40)
    spread[7] = 0.01
    return np.asarray((numbers * spread + 3).astype(np.float16))


def learned(training_set: HeadTrainingSet, vectors: TaggerVectors) -> LearnedHead:
    return learn_head(replace(training_set, tagger_vectors=vectors), HeadPlan())


def found(training_set: HeadTrainingSet, shows: np.ndarray, head: LearnedHead) -> tuple[float, float]:
    """Recall and precision of what scores decide."""
    untagged = training_set.untagged
    kept = (head.scores >= head.chosen.threshold)[untagged]
    return float(kept[shows[untagged]].mean()), float(shows[untagged][kept].mean())


def test_a_layer_that_knows_the_target_finds_more_and_scores_as_it_is_stored() -> None:
    training_set, shows = gallery()
    vectors = {NETWORK: layer(shows)}

    alone, joined = learned(training_set, {}), learned(training_set, vectors)

    before, after = found(training_set, shows, alone), found(training_set, shows, joined)
    assert after[0] > before[0] + 0.1 and after[1] > 0.9
    assert joined.head.tagger_network == NETWORK and joined.head.ai_weights == ()
    assert joined.facts["ai_tags"][NETWORK]["pictures"] > 500
    test = np.flatnonzero(training_set.split == TEST)
    strata = np.where(training_set.untagged, int(Stratum.NOBODY), int(Stratum.OTHERS)).astype(np.int8)
    strata[training_set.noisy_labels.label_sources == LabelSource.TAGGED] = Stratum.NOBODY
    own = training_set.noisy_labels.vectors.astype(np.float16)
    again = joined.head.probabilities(own[test], strata[test], None, {NETWORK: vectors[NETWORK][test]})
    assert again == pytest.approx(joined.scores[test], abs=0.03)  # half precision


@pytest.mark.parametrize("seed", range(3))
def test_a_layer_that_knows_nothing_of_the_target_changes_nothing(seed: int) -> None:
    training_set, shows = gallery(seed)

    plain, beside = learned(training_set, {}), learned(training_set, {NETWORK: layer(shows, tells=0.0, seed=seed)})

    assert np.array_equal(beside.scores, plain.scores) and beside.chosen == plain.chosen
    assert beside.head.tagger_block is None and beside.facts == plain.facts


def test_pictures_that_the_tagger_never_looked_at_keep_their_logits() -> None:
    training_set, shows = gallery()
    vectors = layer(shows)
    unseen = np.random.default_rng(2).random(COUNT) < 0.4
    vectors[unseen] = np.nan

    joined = learned(training_set, {NETWORK: vectors})

    head, own = joined.head, training_set.noisy_labels.vectors.astype(np.float16)
    with_layer, without = head.probabilities(own, None, None, {NETWORK: vectors}), head.probabilities(own)
    assert head.tagger_network == NETWORK
    assert np.array_equal(with_layer[unseen], without[unseen])
    assert (with_layer[~unseen] != without[~unseen]).mean() > 0.99


def test_the_tagger_that_looked_at_most_pictures_is_heard_and_one_that_looked_at_few_is_not() -> None:
    training_set, shows = gallery()
    few, many = layer(shows), layer(shows, seed=6)
    few[60:] = np.nan

    both = learned(training_set, {OTHER: few, NETWORK: many})
    alone = learned(training_set, {OTHER: few})

    assert both.head.tagger_network == NETWORK
    assert alone.head.tagger_block is None


def test_a_head_from_a_handful_of_references_does_without() -> None:
    training_set, shows = gallery()

    few = learn_head(replace(training_set, tagger_vectors={NETWORK: layer(shows)}), HeadPlan(few_shot=True))

    assert few.head.tagger_block is None
