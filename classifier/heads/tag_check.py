"""Which pictures have a tag that their look contradicts, for all characters at once, before a network trains on them.

A network that is trained for long learns wrong tags by heart, and ranks worse for it. Features that were not trained on
these pictures tell most of them beforehand: one linear score a character, out of fold by regularised least squares,
then each character's tags and scores are weighed against each other as a head weighs them (`noisy_labels`).

Source: Rifkin & Klautau 2004, "In Defense of One-Vs-All Classification", for the scores.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.noisy_labels import LabelSource, LabelTrust, posterior_of
from classifier.heads.out_of_fold import Deals, deal_groups
from classifier.heads.training_set import SURE

RIDGE = 2.0  # of vectors with a mean squared length of one; 1 to 10 find the same tags
MOST_CONTRADICTED = 1 / 3  # of a character's tags; where there are more, it has looks that the features do not know
_STEEP = 40.0  # scores lie within 0..1, log odds do not: the slope that the line through them is pulled to


def contradicted_pictures(
    vectors: npt.NDArray[np.floating],
    shows: npt.NDArray[np.floating],
    groups: IntArray,
    deals: Deals | None = None,
) -> BoolArray:
    """Whether a picture has a tag that scores out of fold contradict, shape (n,).

    Args:
        vectors: of a network that was not trained on these pictures, shape (n, d).
        shows: 1 where the tags name the character, shape (n, k); pictures with tags alone.
        groups: never on both sides of a fold, shape (n,).
        deals: how the groups are dealt.
    """
    found = np.zeros(len(vectors), dtype=np.bool_)
    if len(vectors) < 2:
        return found
    named = np.asarray(shows > SURE)
    with threadpool_limits(limits=1, user_api="blas"):
        scores = _scores(np.asarray(vectors, dtype=np.float64), named, groups, deals or Deals())
        for character in range(named.shape[1]):
            tagged = named[:, character]
            wrong = tagged & (_beliefs(scores[:, character], tagged) < SURE)
            if wrong.sum() <= MOST_CONTRADICTED * tagged.sum():
                found |= wrong
    return found


def _scores(vectors: FloatArray, named: BoolArray, groups: IntArray, deals: Deals) -> FloatArray:
    """Each picture's score for each character by fits without its fold, shape (n, k), the mean of all deals."""
    centred = vectors - vectors.mean(axis=0)
    scale = max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-9)
    rows = np.hstack([centred / scale, np.ones((len(vectors), 1))])
    total = np.zeros(named.shape)
    for fold, out in _folds(groups, deals):
        total[out] += rows[out] @ _fitted(rows[fold], named[fold])
    return total / deals.deals


def _folds(groups: IntArray, deals: Deals) -> Iterator[tuple[BoolArray, BoolArray]]:
    """Rows to fit to and rows to score, fold after fold; with one group alone there is nothing to fit to."""
    for deal in range(deals.deals):
        dealt = deal_groups(groups, deals.folds, deals.seed + deal)
        for number in range(int(dealt.max()) + 1):
            out = dealt == number
            if not out.all():
                yield ~out, out


def _fitted(rows: FloatArray, named: BoolArray) -> FloatArray:
    strength = np.append(np.full(rows.shape[1] - 1, RIDGE), 1e-9)
    return np.asarray(np.linalg.solve(rows.T @ rows + np.diag(strength), rows.T @ named.astype(np.float64)))


def _beliefs(scores: FloatArray, tagged: BoolArray) -> FloatArray:
    """Probability that each picture shows the character, its tags and its score together, shape (n,)."""
    sources = np.where(tagged, np.int8(LabelSource.TAGGED), np.int8(LabelSource.OTHERS)).astype(np.int8)
    return posterior_of(_STEEP * scores, sources, LabelTrust()).belief
