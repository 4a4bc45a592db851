"""From noisy labels to a model that decides, or a reason why it must not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from classifier.heads.head_training import learn_head
from classifier.heads.logistic_head import starting_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import TEST, TRAIN, VALIDATION, HeadPlan, HeadTrainingSet

WIDTH = 8


def gallery(
    count: int = 2500, *, hide_target: float, hide_others: float, seed: int = 0
) -> tuple[HeadTrainingSet, np.ndarray]:
    random = np.random.default_rng(seed)
    shows = random.random(count) < 0.15
    vectors = random.normal(size=(count, WIDTH))
    vectors[:, 0] += np.where(shows, 5.0, 0.0)
    hidden = random.random(count) < np.where(shows, hide_target, hide_others)
    label_sources = np.where(
        hidden, LabelSource.NOTHING, np.where(shows, LabelSource.TAGGED, LabelSource.OTHERS)
    ).astype(np.int8)
    training_set = HeadTrainingSet(
        target="mona",
        noisy_labels=NoisyLabels(vectors, label_sources, np.arange(count, dtype=np.int64)),
        split=random.choice((TRAIN, VALIDATION, TEST), count, p=(0.7, 0.15, 0.15)).astype(np.int8),
        untagged=label_sources == LabelSource.NOTHING,
        start=starting_head(WIDTH, None),
    )
    return training_set, shows


def test_where_every_untagged_post_shows_the_target_the_others_are_not_kept_with_them() -> None:
    training_set, shows = gallery(hide_target=0.4, hide_others=0.0)

    learned = learn_head(training_set, HeadPlan())

    decided = training_set.noisy_labels.label_sources != LabelSource.TAGGED
    kept = decided & (learned.scores >= learned.chosen.threshold)
    assert shows[kept].mean() > 0.95
    assert kept[decided & shows].mean() > 0.95
    assert learned.refusal == ""
    assert learned.facts["prevalence_by_stratum"]["nobody"] > 0.9
    assert learned.facts["prevalence_by_stratum"]["others"] < 0.02


def test_scores_that_a_network_knows_by_heart_choose_nothing() -> None:
    training_set, shows = gallery(hide_target=0.4, hide_others=0.4)
    knows = training_set.split == TRAIN
    label_sources, vectors = training_set.noisy_labels.label_sources, training_set.noisy_labels.vectors.copy()
    spoken = np.isin(label_sources, (LabelSource.TAGGED, LabelSource.OTHERS))
    vectors[:, 0] = np.random.default_rng(1).normal(size=len(label_sources)) + np.where(
        shows, 2.0, 0.0
    )  # a poor network
    by_heart = knows & spoken
    vectors[by_heart, 0] = np.where(shows[by_heart], 9.0, -9.0)  # that has memorised its training pictures
    poor = replace(training_set, noisy_labels=replace(training_set.noisy_labels, vectors=vectors))

    believed, known = (learn_head(replace(poor, trained_on=rows), HeadPlan()) for rows in (None, by_heart))

    untagged = label_sources == LabelSource.NOTHING
    for learned, honest in ((believed, False), (known, True)):
        brier = ((learned.scores - shows)[untagged] ** 2).mean()
        assert bool(brier < 0.1) is honest


def test_a_network_that_tells_nobody_apart_must_not_decide() -> None:
    training_set, _ = gallery(hide_target=0.4, hide_others=0.4)
    noise = np.random.default_rng(2).normal(size=training_set.noisy_labels.vectors.shape)

    learned = learn_head(
        replace(training_set, noisy_labels=replace(training_set.noisy_labels, vectors=noise)), HeadPlan()
    )

    assert "--references" in learned.refusal


def test_six_pictures_held_out_are_too_few_to_decide_by() -> None:
    training_set, _ = gallery(hide_target=0.9, hide_others=0.4)

    learned = learn_head(replace(training_set, trained_on=training_set.split == TRAIN), HeadPlan())

    assert "held out to measure on" in learned.refusal


def test_the_forecast_has_intervals_that_hold_its_figures_and_shrink_with_pictures() -> None:
    few, many = (learn_head(gallery(count, hide_target=0.4, hide_others=0.4)[0], HeadPlan()) for count in (500, 2500))

    for learned in (few, many):
        assert learned.forecast.recall.low < learned.forecast.recall.value < learned.forecast.recall.high
        assert learned.forecast.precision.low < 0.95 < learned.forecast.precision.high
    assert many.forecast.recall.high - many.forecast.recall.low < few.forecast.recall.high - few.forecast.recall.low
