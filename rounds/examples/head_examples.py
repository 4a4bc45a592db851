"""The gallery's pictures as a head is trained on them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.backbones.catalogue import known_or_plain
from classifier.heads.logistic_head import LinearHead, knowing_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import CONTAMINATED, HeadTrainingSet
from classifier.package.package import Package
from classifier.pictures.class_folders import flat
from rounds.examples.frozen_splits import trained_on
from rounds.examples.label_sources import noisy_labels_of
from storage.evidence import Evidence
from storage.records import Target


def training_set_of(
    target: Target,
    package: Package,
    evidence: Evidence,
    groups: npt.NDArray[np.int64],
    split: npt.NDArray[np.int8],
) -> HeadTrainingSet:
    """The training set of a head; pictures that a person is unsure of are left out, and contaminated ones."""
    label_sources, sure = noisy_labels_of(evidence)
    vectors = evidence.vectors.astype(np.float64)
    finite = np.isfinite(vectors).all(axis=1)
    kept_out = ~(sure & finite) | (split == CONTAMINATED)
    vectors[~finite] = 0.0
    noisy_labels = NoisyLabels(
        vectors, np.where(kept_out, int(LabelSource.NOTHING), label_sources).astype(np.int8), groups
    )
    return HeadTrainingSet(
        target=target.name,
        noisy_labels=noisy_labels,
        split=split,
        untagged=~evidence.named,
        start=_start_of(package, target),
        left_out=kept_out,
        strata=evidence.strata,
        trained_on=trained_on(evidence, package.snapshot),
        fit_on_trained=known_or_plain(package.backbone_name).fit_on_trained,
        ai_percents=evidence.ai_percents,
        tagger_vectors=evidence.tagger_vectors,
        tag=target.tag,
    )


def _start_of(package: Package, target: Target) -> LinearHead:
    """What regularisation pulls to: the backbone's own log-odds of the target, where it was trained on them."""
    classes = [flat(name) for name in package.classes]
    names = (flat(target.tag), flat(target.name))  # a class folder may have been named either way
    return knowing_head(package.dimension, classes, names, known_or_plain(package.backbone_name).odds_weight)
