"""Heads from a handful of pictures: unlabelled pictures are pseudo-labelled by the head (self-training).

With five or twenty positives a head knows what sets them apart from the others, and little of what they have in common.
The gallery's own untagged pictures show it: each takes part in the next fit as far as the last one believed that it
shows the target, at a low weight. (Measured on twelve characters by pretrained features, average precision on pictures
that took no part: 5 references 0.76 -> 0.91, 20 references 0.91 -> 0.93; where the gallery hides hardly any of them,
0.77 -> 0.78 and 0.92 -> 0.91.) With many labels for the target it brings nothing, so it is for few only.

Where tags name other characters, and the network was trained on none of them, they say how much pictures of one
character differ, and a picture is likely to show the target when it is nearer to it than to anybody else:
`CharacterSpace`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from classifier.arrays import BoolArray, FloatArray
from classifier.heads.character_space import CharacterSpace
from classifier.heads.out_of_fold import CrossFitted, Deals, Examples, cross_fit
from classifier.metrics.calibration import log_odds, sigmoid

FEW = 40  # positives; with more of them a head needs no help
_TURNS = 3
_HALF = 0.5
_WEIGHT = 0.3  # of an unlabelled picture
_ROUNDS = 50  # of estimating how many of them show the target
_SHARE = (0.5, 4.5)  # imagined pictures that do and do not, before any is counted
_LIMITS = (1e-3, 0.6)  # of that share


def with_unlabelled(
    examples: Examples, fitted: CrossFitted, unlabelled: BoolArray, l2: float, deals: Deals
) -> tuple[Examples, CrossFitted]:
    """Fit again with the unlabelled pictures as far as they are believed.

    Args:
        examples: the labelled rows; unlabelled ones have weight 0.
        fitted: to these.
        unlabelled: whether each row has no label, shape (n,).
        l2: strength of regularisation.
        deals: of the last fit; those on the way are dealt once.

    Returns:
        The examples with beliefs, and what was fitted to them.
    """
    once = replace(deals, deals=1)
    for turn in range(_TURNS):
        share, weights = examples.share.copy(), examples.weights.copy()
        share[unlabelled] = _beliefs(fitted.logits[unlabelled], _odds_of_the_fit(examples))
        weights[unlabelled] = _WEIGHT
        examples = replace(examples, share=share, weights=weights)
        last = turn == _TURNS - 1
        fitted = cross_fit(examples, l2, deals if last else once, near=fitted.head)
    return examples, fitted


def with_likely(
    examples: Examples, space: CharacterSpace, unlabelled: BoolArray, l2: float, deals: Deals
) -> tuple[Examples, CrossFitted]:
    """As `with_unlabelled`, where tags name characters: those tell which unlabelled pictures are likely to show it.

    Args:
        examples: the labelled rows, their vectors in the space.
        space: of the characters.
        unlabelled: whether each row has no label, shape (n,).
        l2: strength of regularisation.
        deals: how rows are dealt.
    """
    share, weights = examples.share.copy(), examples.weights.copy()
    shows = (weights > 0) & (share > _HALF)
    share[unlabelled] = sigmoid(space.log_ratios(examples.vectors, shows, unlabelled))
    weights[unlabelled] = _WEIGHT
    examples = replace(examples, share=share, weights=weights)
    return examples, cross_fit(examples, l2, deals)


def _odds_of_the_fit(examples: Examples) -> float:
    """Log odds of the target among what a head was fitted to, as it was counted there."""
    total = float(examples.weights.sum())
    return log_odds(float(np.clip(examples.weights @ examples.share / total, *_LIMITS)))


def _beliefs(logits: FloatArray, fitted_at: float) -> FloatArray:
    """Probability that each shows the target, at the share among them that these probabilities themselves come to."""
    ratio, share = logits - fitted_at, _SHARE[0] / sum(_SHARE)
    belief = sigmoid(ratio + log_odds(share))
    for _ in range(_ROUNDS):
        share = float(np.clip((belief.sum() + _SHARE[0]) / (len(belief) + sum(_SHARE)), *_LIMITS))
        belief = sigmoid(ratio + log_odds(share))
    return belief
