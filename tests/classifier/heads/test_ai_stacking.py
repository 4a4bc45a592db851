"""What taggers say enters a head where it makes the gallery's tags likelier, and changes nothing where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.heads.ai_stacking import LEAST_GAIN, Stacked, TaggedRows, of_percents
from classifier.heads.ai_stacking import stack as stack_signals
from classifier.heads.head_training import learn_head
from classifier.heads.logistic_head import starting_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import TEST, TRAIN, VALIDATION, HeadPlan, HeadTrainingSet
from storage.records import SITE_TAGGER, Stratum

COUNT = 1500
TAG = "mona_(genshin_impact)"


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray, TaggedRows]:
    """Who is shown, logits that tell somewhat, and pictures to judge by."""
    random = np.random.default_rng(seed)
    shows = random.random(COUNT) < 0.2
    logits = np.where(shows, 1.5, -1.5) + random.normal(size=COUNT)
    rows = np.flatnonzero(random.random(COUNT) < 0.7).astype(np.int64)
    return shows, logits, TaggedRows(rows, shows[rows].astype(np.float64), rows)


def percents(shows: np.ndarray, seed: int = 1) -> np.ndarray:
    """A tagger that misses one in five, and is mistaken about one in twenty."""
    random = np.random.default_rng(seed)
    says = np.where(random.random(COUNT) < np.where(shows, 0.2, 0.05), ~shows, shows)
    return np.where(says, random.integers(50, 99, COUNT), random.integers(0, 40, COUNT)).astype(np.int64)


def stack(logits: np.ndarray, ai_percents: dict[str, np.ndarray], judged: TaggedRows, seed: int) -> Stacked:
    return stack_signals(logits, of_percents(ai_percents), judged, seed)


def loss(logits: np.ndarray, shows: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0.0, logits) - shows * logits))


def test_a_tagger_that_knows_something_is_believed_and_pictures_become_surer() -> None:
    shows, logits, judged = world()
    unseen = np.setdiff1d(np.arange(COUNT), judged.rows)

    found = stack(logits, {SITE_TAGGER: percents(shows)}, judged, 0)

    gain = found.gains[SITE_TAGGER]
    assert 0.2 < found.weights[SITE_TAGGER].slope < 3
    assert gain.pictures == len(judged.rows) and gain.loss < (1 - LEAST_GAIN) * gain.loss_before
    assert loss(found.logits[unseen], shows[unseen]) < 0.8 * loss(logits[unseen], shows[unseen])


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_left_out_and_every_logit_stays_what_it_was(seed: int) -> None:
    shows, logits, judged = world(seed)
    random = np.random.default_rng(seed + 100)

    found = stack(logits, {SITE_TAGGER: percents(random.permutation(shows))}, judged, seed)

    assert not found.weights and not found.gains
    assert np.array_equal(found.logits, logits)


def test_a_tagger_that_says_the_opposite_is_not_believed() -> None:
    shows, logits, judged = world()

    assert not stack(logits, {SITE_TAGGER: percents(~shows)}, judged, 0).weights


def test_a_tagger_that_looked_at_few_pictures_or_knows_not_the_tag_is_left_out() -> None:
    shows, logits, judged = world()
    few = np.full(COUNT, -1, dtype=np.int64)
    few[judged.rows[:40]] = percents(shows)[judged.rows[:40]]
    nobody = np.zeros(COUNT, dtype=np.int64)

    assert not stack(logits, {"few": few, "nobody": nobody}, judged, 0).weights


def test_pictures_that_the_tagger_never_saw_keep_their_logits() -> None:
    shows, logits, judged = world()
    ai_percents = percents(shows)
    unseen = np.random.default_rng(2).random(COUNT) < 0.3
    ai_percents[unseen] = -1

    found = stack(logits, {SITE_TAGGER: ai_percents}, judged, 0)

    assert found.weights
    assert np.array_equal(found.logits[unseen], logits[unseen])
    assert (found.logits != logits)[~unseen].all()


def test_of_two_taggers_the_better_comes_first_and_its_echo_adds_nothing() -> None:
    shows, logits, judged = world()
    good, poor = percents(shows), percents(np.where(np.random.default_rng(3).random(COUNT) < 0.3, ~shows, shows))

    alone = stack(logits, {"good": good}, judged, 0)
    both = stack(logits, {"echo": good.copy(), "good": good, "poor": poor}, judged, 0)

    assert next(iter(both.gains)) in ("good", "echo")
    assert len({"good", "echo"} & set(both.weights)) == 1
    assert loss(both.logits, shows) < 1.02 * loss(alone.logits, shows)


def test_a_row_that_judges_is_stacked_by_what_was_fitted_without_its_group() -> None:
    shows, logits, judged = world()
    ai_percents, row = percents(shows), int(judged.rows[0])
    turned = replace(judged, share=judged.share.copy())
    turned.share[0] = 1 - turned.share[0]

    before, after = (
        stack(logits, {SITE_TAGGER: ai_percents}, judged, 0),
        stack(logits, {SITE_TAGGER: ai_percents}, turned, 0),
    )

    assert after.logits[row] == before.logits[row]
    assert after.weights != before.weights


def gallery(seed: int = 0) -> tuple[HeadTrainingSet, np.ndarray]:
    """Vectors that tell the target somewhat, and tags that four in ten posts lack."""
    random = np.random.default_rng(seed)
    shows = random.random(COUNT) < 0.2
    vectors = random.normal(size=(COUNT, 8))
    vectors[:, 0] += np.where(shows, 2.5, 0.0)
    hidden = random.random(COUNT) < 0.4
    label_sources = np.where(
        hidden, LabelSource.NOTHING, np.where(shows, LabelSource.TAGGED, LabelSource.OTHERS)
    ).astype(np.int8)
    training_set = HeadTrainingSet(
        target="mona",
        noisy_labels=NoisyLabels(vectors, label_sources, np.arange(COUNT, dtype=np.int64)),
        split=random.choice((TRAIN, VALIDATION, TEST), COUNT, p=(0.7, 0.15, 0.15)).astype(np.int8),
        untagged=label_sources == LabelSource.NOTHING,
        start=starting_head(8, None),
        tag=TAG,
    )
    return training_set, shows


def test_a_head_with_a_good_tagger_finds_more_at_the_same_precision_and_scores_as_it_is_stored() -> None:
    training_set, shows = gallery()
    ai_percents = percents(shows)
    alone, joined = (
        learn_head(training_set, HeadPlan()),
        learn_head(replace(training_set, ai_percents={"site": ai_percents}), HeadPlan()),
    )

    untagged = training_set.untagged
    found = [(one.scores >= one.chosen.threshold)[untagged] for one in (alone, joined)]
    before, after = (float(kept[shows[untagged]].mean()) for kept in found)
    assert after > before + 0.1 and shows[untagged][found[1]].mean() > 0.9
    (weight,) = joined.head.ai_weights
    assert (weight.source, weight.tag) == (SITE_TAGGER, TAG) and weight.slope > 0
    assert joined.facts["ai_tags"][SITE_TAGGER]["pictures"] > 500
    test = np.flatnonzero(training_set.split == TEST)  # whose logits are those of the head that is deployed
    strata = np.where(untagged, int(Stratum.NOBODY), int(Stratum.OTHERS)).astype(np.int8)
    strata[training_set.noisy_labels.label_sources == LabelSource.TAGGED] = Stratum.NOBODY
    vectors = training_set.noisy_labels.vectors.astype(np.float16)
    again = joined.head.probabilities(vectors[test], strata[test], {"site": ai_percents[test]})
    assert again == pytest.approx(joined.scores[test], abs=0.02)  # half precision


def test_pictures_that_no_tagger_looked_at_are_kept_as_carefully_as_the_others() -> None:
    training_set, shows = gallery()
    learned = learn_head(replace(training_set, ai_percents={"site": percents(shows)}), HeadPlan())
    _, there = elsewhere = gallery(seed=1)
    vectors = elsewhere[0].noisy_labels.vectors.astype(np.float16)

    kept = learned.head.probabilities(vectors, None, {}) >= learned.chosen.threshold
    unmoved = learned.head.probabilities(vectors) >= learned.chosen.threshold

    assert there[unmoved].mean() < 0.85 < 0.93 < there[kept].mean()
    assert 0 < kept.sum() < unmoved.sum()
    assert np.array_equal(learned.head.probabilities(vectors, None, {"site": np.full(COUNT, -1, dtype=np.int64)}) >=
                          learned.chosen.threshold, kept)  # fmt: skip


@pytest.mark.parametrize("ai_percents", [{}, {"site": np.full(COUNT, -1, dtype=np.int64)}])
def test_where_no_post_has_ai_tags_everything_is_as_if_there_were_none(ai_percents: dict[str, np.ndarray]) -> None:
    training_set, _ = gallery()

    plain, silent = (
        learn_head(training_set, HeadPlan()),
        learn_head(replace(training_set, ai_percents=ai_percents), HeadPlan()),
    )

    assert np.array_equal(silent.scores, plain.scores) and np.array_equal(silent.belief, plain.belief)
    assert silent.chosen == plain.chosen and silent.facts == plain.facts
    assert (silent.head.ai_weights, silent.head.bias, silent.head.shifts) == ((), plain.head.bias, plain.head.shifts)
    assert np.array_equal(silent.head.weights, plain.head.weights)
