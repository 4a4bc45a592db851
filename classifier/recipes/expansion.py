"""Which training pictures an epoch has, and how often: few or rare ones come several times, each time varied afresh.

Only rows of the training split are ever given, so no copy can cross into validation or test.
"""

from __future__ import annotations

import math

import numpy as np

from classifier.arrays import IntArray
from classifier.recipes.settings import RecipeSettings


def wanted_counts(counts: IntArray, settings: RecipeSettings) -> IntArray:
    """How many samples of each class an epoch has.

    Args:
        counts: training pictures of each class, shape (k,).
        settings: `samples`, `balance` and `least_per_class`.

    Returns:
        Shape (k,); never fewer than there are pictures; zero where there are none.
    """
    there = counts > 0
    wanted = np.maximum(counts, settings.least_per_class)
    if settings.balance >= 0:
        wanted = np.maximum(wanted, wanted.max(initial=0) - settings.balance)
    wanted = np.where(there, wanted, 0)
    lacking = settings.samples - int(wanted.sum())
    if lacking > 0 and there.any():  # by so many more of each class, so that their difference stays
        each = math.ceil(lacking / int(there.sum())) if settings.balance >= 0 else lacking * wanted / wanted.sum()
        wanted = np.where(there, wanted + np.ceil(each).astype(np.int64), 0)
    return wanted.astype(np.int64)


def epoch_rows(labels: IntArray, rows: IntArray, settings: RecipeSettings, random: np.random.Generator) -> IntArray:
    """The rows of one epoch in their order; each picture as often as the others of its class, or once more.

    Args:
        labels: class of every picture, shape (n,).
        rows: the training pictures.
        settings: as for `wanted_counts`.
        random: decides the order, and which pictures come once more.
    """
    counts = np.bincount(labels[rows], minlength=int(labels.max(initial=0)) + 1)
    parts = []
    for kind, wanted in enumerate(wanted_counts(counts, settings).tolist()):
        of_kind = rows[labels[rows] == kind]
        whole, more = divmod(wanted, max(1, len(of_kind)))
        parts += [np.tile(of_kind, whole), random.permutation(of_kind)[:more]]
    return random.permutation(np.concatenate(parts)).astype(np.int64)
