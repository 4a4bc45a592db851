"""The ways: what each learns from a training set, and how it scores pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from classifier.heads.character_space import CharacterSpace
from classifier.heads.head_training import learn_head
from classifier.heads.noisy_labels import LabelSource
from classifier.heads.training_set import HeadTrainingSet
from classifier.references.heads import reference_plan

Numbers: TypeAlias = npt.NDArray[np.float64]
Scores: TypeAlias = Callable[[Numbers], Numbers]  # (n, d) -> (n,), the higher the likelier
Method: TypeAlias = Callable[[HeadTrainingSet], Scores]


def the_head(known: HeadTrainingSet) -> Scores:
    """What `crawl train NAME --references DIR` learns."""
    head = learn_head(known, reference_plan(seed=0)).head
    return lambda vectors: head.logits(vectors.astype(np.float32))


def linear_svm(known: HeadTrainingSet, *, in_space: bool) -> Scores:
    """A linear support vector machine on references against pictures that are tagged with somebody else."""
    from sklearn.svm import LinearSVC

    see = _seen_by(known, in_space=in_space)
    vectors, shows = _labelled(known)
    machine = LinearSVC(C=1.0, class_weight="balanced", max_iter=20_000).fit(see(vectors), shows)
    return lambda others: np.asarray(machine.decision_function(see(others)))


def prototype(known: HeadTrainingSet, *, in_space: bool) -> Scores:
    """The cosine to the mean of the references (Snell et al. 2017, "Prototypical networks for few-shot learning")."""
    see = _seen_by(known, in_space=in_space)
    vectors, shows = _labelled(known)
    middle = see(vectors[shows]).mean(axis=0)
    return lambda others: (see(others) @ middle) / np.linalg.norm(see(others), axis=1)


def nearest_prototype(known: HeadTrainingSet) -> Scores:
    """How much nearer the mean of the references is than those of the tagged characters, and than nobody at all."""
    vectors, shows = _labelled(known)
    space = _space(known)

    def scores(others: Numbers) -> Numbers:
        rows = np.vstack([space.seen(vectors[shows]), space.seen(others)])
        given = np.arange(len(rows)) < int(shows.sum())
        return np.asarray(space.log_ratios(rows, given, ~given))

    return scores


METHODS: Mapping[str, Method] = {
    "the head of --references": the_head,
    "linear SVM": partial(linear_svm, in_space=False),
    "linear SVM in the space of characters": partial(linear_svm, in_space=True),
    "prototype": partial(prototype, in_space=False),
    "prototype in the space of characters": partial(prototype, in_space=True),
    "nearest of all prototypes in that space": nearest_prototype,
}


def _labelled(known: HeadTrainingSet) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """References and pictures of somebody else, and which are references."""
    sources = known.noisy_labels.label_sources
    labelled = sources != LabelSource.NOTHING
    return known.noisy_labels.vectors[labelled], sources[labelled] == LabelSource.KEEP


def _space(known: HeadTrainingSet) -> CharacterSpace:
    if known.characters is None:
        raise ValueError("the tags name nobody")
    space = CharacterSpace.of(known.noisy_labels.vectors, known.characters)
    if space is None:
        raise ValueError("the tags name too few characters")
    return space


def _seen_by(known: HeadTrainingSet, *, in_space: bool) -> Callable[[Numbers], Numbers]:
    if in_space:
        return _space(known).seen
    middle = known.noisy_labels.vectors.mean(axis=0)
    return lambda vectors: vectors - middle
