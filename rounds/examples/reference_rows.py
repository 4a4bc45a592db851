"""Reference pictures as further rows of a round: labelled KEEP, beside the gallery's rows and not part of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from classifier.heads.head_training import LearnedHead
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import TRAIN, HeadPlan, HeadTrainingSet
from classifier.package.references import References
from classifier.references.heads import reference_plan, rests_on_references
from classifier.training.pipeline import Goal
from classifier.training.splits import Identity, group
from rounds.examples.frozen_splits import identities_of
from storage.evidence import Evidence


def plan_for(evidence: Evidence, references: References | None, goal: Goal, seed: int) -> HeadPlan:
    """The plan of a head: as from a handful of references, unless tags and labels give many positives."""
    shown = int((evidence.tagged | (np.array(evidence.labels, dtype=object) == "keep")).sum())
    if rests_on_references(0 if references is None else len(references), shown):
        return reference_plan(goal, seed=seed)
    return HeadPlan(goal=goal, seed=seed)


def with_references(
    training_set: HeadTrainingSet, evidence: Evidence, references: References, *, artists: bool
) -> HeadTrainingSet:
    """A training set with the references as further rows after the gallery's; near copies share a group.

    Args:
        training_set: of the gallery, n rows.
        evidence: the same rows.
        references: k of them.
        artists: whether an artist's set is one group.
    """
    known, many = training_set.noisy_labels, len(references)
    vectors = references.vectors.astype(np.float64)
    label_sources = np.full(many, int(LabelSource.KEEP), dtype=np.int8)
    hashes = references.hashes.tolist()
    own = [
        Identity(post_id=-number, md5=md5, picture_hash=hash_ or None)
        for number, (md5, hash_) in enumerate(zip(references.md5s, hashes, strict=True), start=1)
    ]
    groups = group([*identities_of(evidence, artists=artists), *own])
    strata, left_out, trained_on = training_set.strata, training_set.left_out, training_set.trained_on
    return replace(
        training_set,
        noisy_labels=NoisyLabels(
            np.concatenate([known.vectors, vectors]),
            np.concatenate([known.label_sources, label_sources]).astype(np.int8),
            groups,
        ),
        split=np.concatenate([training_set.split, np.full(many, TRAIN, dtype=np.int8)]),
        untagged=np.concatenate([training_set.untagged, np.zeros(many, dtype=np.bool_)]),
        left_out=None if left_out is None else np.concatenate([left_out, np.zeros(many, dtype=np.bool_)]),
        strata=None if strata is None else np.concatenate([strata, np.zeros(many, dtype=np.int8)]),
        trained_on=None if trained_on is None else np.concatenate([trained_on, np.zeros(many, dtype=np.bool_)]),
        ai_percents={
            source: np.concatenate([percents, np.full(many, -1, dtype=np.int64)])
            for source, percents in training_set.ai_percents.items()
        },
        tagger_vectors={
            network: np.concatenate([found, np.full((many, found.shape[1]), np.nan, dtype=np.float16)])
            for network, found in training_set.tagger_vectors.items()
        },
    )


def of_the_gallery(learned: LearnedHead, rows: int) -> LearnedHead:
    """The learned head with the columns of the gallery's rows alone, the first `rows`."""
    references = len(learned.scores) - rows
    if not references:
        return learned
    counts = dict(learned.facts["said"])
    counts["keep"] -= references
    return replace(
        learned,
        facts={**learned.facts, "said": counts, "references": references},
        scores=learned.scores[:rows],
        belief=learned.belief[:rows],
        measured=learned.measured[learned.measured < rows],
        doubted=learned.doubted[:rows],
    )
