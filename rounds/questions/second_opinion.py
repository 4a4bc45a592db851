"""What heads that never saw a picture or its relatives say of it: tags and scores are held against that."""

from __future__ import annotations

import numpy as np

from classifier.arrays import FloatArray
from classifier.heads.logistic_head import LinearHead, starting_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.opinions import opinions_of
from classifier.heads.training_set import TRAIN, HeadPlan, HeadTrainingSet
from rounds.examples.frozen_splits import groups_of
from rounds.examples.label_sources import noisy_labels_of
from storage.evidence import Evidence

_ROWS_AT_MOST = 6000  # that it is formed on; limits the time


def second_opinion(evidence: Evidence, start: LinearHead | None, seed: int) -> tuple[FloatArray, FloatArray]:
    """Cross-fitted opinions: by heads that never saw the picture's group, without and with its label source.

    Returns:
        Probability that each picture shows the target, given only whether its tags name somebody else, shape (n,); and
        given its label source too. Without any positive to learn from, both are the scores of the model in force.
    """
    label_sources, sure = noisy_labels_of(evidence)
    vectors = np.nan_to_num(evidence.vectors.astype(np.float64))
    if not np.isin(label_sources[sure], (LabelSource.TAGGED, LabelSource.KEEP)).any():
        scores = np.nan_to_num(evidence.scores, nan=0.5)
        return scores, scores
    training_set = HeadTrainingSet(
        target="",
        noisy_labels=NoisyLabels(vectors, label_sources, groups_of(evidence)),
        split=np.full(len(label_sources), TRAIN, dtype=np.int8),  # nothing is measured, so nothing is held out for it
        untagged=~evidence.named,
        start=start or starting_head(vectors.shape[1], None),
        left_out=~sure,
        strata=evidence.strata,
        ai_percents=evidence.ai_percents,
        tagger_vectors=evidence.tagger_vectors,
    )
    opinions = opinions_of(training_set, HeadPlan(rows_at_most=_ROWS_AT_MOST, seed=seed))
    return opinions.opinion(evidence.strata), opinions.belief
