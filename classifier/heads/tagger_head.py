"""A head on the penultimate layer of the user's own tagger, fitted out of fold as the target's head is.

A tagger that was trained on millions of drawings describes a picture by a thousand numbers before it names tags, also a
character that it has no tag for. These numbers are a block of their own: standardised, reduced to the directions in
which they vary most, and given a linear head by the same labels and the same deals. What that head says of pictures
that it never saw is one signal more to be stacked on the target's head, and is kept only where it pays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray
from classifier.heads.ai_stacking import TaggerWeight
from classifier.heads.logistic_head import LinearHead, starting_head
from classifier.heads.out_of_fold import Deals, Examples, cross_fit
from classifier.principal import principal
from classifier.tagger_block import TaggerBlock, TaggerVectors

KEPT = 256  # directions, as many as the published block has
LEAST_SHOWN = 20  # fitted pictures that show the target and that the tagger looked at
_LEAST_PICTURES = 100  # fitted ones that it looked at
_TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class TaggerHead:
    """A head on one tagger's vectors, and what it says of n pictures."""

    network: str
    head: LinearHead  # of the vectors as they are stored
    logits: FloatArray  # (n,) of fitted rows out of fold; not-a-number where the tagger never looked

    def block(self, weight: TaggerWeight, slope: float) -> TaggerBlock:
        """What it adds to calibrated log odds.

        Args:
            weight: of its logits, from stacking.
            slope: of the calibration.
        """
        weights = self.head.weights * weight.slope * slope
        bias = (self.head.bias * weight.slope + weight.offset) * slope
        return TaggerBlock(self.network, weights.astype(np.float32), float(bias))


def tagger_head(vectors: TaggerVectors, examples: Examples, l2: float, deals: Deals) -> TaggerHead | None:
    """A head on the vectors of the tagger that looked at most of the fitted pictures; None: too few for one.

    Args:
        vectors: (n, k) a network.
        examples: the target's; their own vectors are not looked at.
        l2: strength of regularisation.
        deals: how groups are dealt.
    """
    fitted = examples.weights > 0
    counts = {network: int((_looked(found) & fitted).sum()) for network, found in vectors.items()}
    if not counts:
        return None
    network = max(counts, key=lambda one: counts[one])
    looked = _looked(vectors[network])
    used = looked & fitted
    if used.sum() < _LEAST_PICTURES or examples.share[used].sum() < LEAST_SHOWN:
        return None
    standard, fold_back = _described(vectors[network], looked, used)
    cut = Examples(
        standard,
        examples.share,
        np.where(looked, examples.weights, 0.0),
        examples.groups,
        starting_head(standard.shape[1], None),
    )
    found = cross_fit(cut, l2, deals)
    return TaggerHead(network, fold_back.of_vectors(found.head), np.where(looked, found.logits, np.nan))


@dataclass(frozen=True, slots=True, eq=False)
class _Description:
    """From a tagger's vectors to fewer numbers: `(vectors - mean) @ directions`."""

    mean: FloatArray  # (k,)
    directions: FloatArray  # (k, kept), with the scale of each number

    def of_vectors(self, head: LinearHead) -> LinearHead:
        """A head of the fewer numbers as one of the vectors."""
        weights = self.directions @ head.weights
        return LinearHead(weights, float(head.bias - weights @ self.mean))


def _described(vectors: npt.NDArray[np.float16], looked: BoolArray, used: BoolArray) -> tuple[FloatArray, _Description]:
    """Standardised numbers in their principal directions, (n, kept), nought where the tagger never looked."""
    known = vectors[used].astype(np.float32)
    mean = known.mean(axis=0)
    scale = 1 / np.maximum(known.std(axis=0), _TINY)
    found = principal((known - mean) * scale, KEPT, np.random.default_rng(0))
    directions = scale[:, None] * found
    numbers = np.zeros((len(vectors), directions.shape[1]))
    numbers[looked] = (vectors[looked].astype(np.float32) - mean) @ directions
    return numbers, _Description(mean.astype(np.float64), directions.astype(np.float64))


def _looked(vectors: npt.NDArray[np.float16]) -> BoolArray:
    """Whether the tagger looked at each picture, shape (n,)."""
    return np.asarray(np.isfinite(vectors).all(axis=1), dtype=np.bool_)


def signals_of(head: TaggerHead | None) -> Mapping[str, FloatArray]:
    """What it says, to be stacked."""
    return {} if head is None else {head.network: head.logits}
