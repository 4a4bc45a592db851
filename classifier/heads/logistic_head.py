"""Fitting a target's head: logistic regression on embeddings, by Newton's method in NumPy.

An embedding here ends with the backbone's own log-odds for every character that it was trained on. A head may
therefore start from "believe the backbone" (weight one on the target's log-odds) and be pulled away from it only as
far as the examples insist; a target that the backbone never learned starts from nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray

_CONVERGED = 1e-4  # largest step of any weight
_HALVINGS = 20


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Turns an embedding into one target's logit."""

    weights: FloatArray  # shape (d,)
    bias: float

    def logits(self, embeddings: npt.NDArray[np.floating]) -> FloatArray:
        """Logits of embeddings, shape (n, d) -> (n,)."""
        return np.asarray(embeddings, dtype=np.float64) @ self.weights + self.bias


@dataclass(frozen=True, slots=True)
class WeightedExamples:
    """Examples for one target. `share` is 1 for a tagged positive, 0 for a reliable negative, between for doubt.

    An unlabelled picture is not a negative: give it the probability that it shows the target, and a small weight.
    """

    embeddings: FloatArray  # shape (n, d)
    share: FloatArray  # shape (n,), 0..1
    weights: FloatArray  # shape (n,), how much each example counts

    @classmethod
    def of(
        cls, embeddings: npt.NDArray[np.floating], share: npt.ArrayLike, weights: npt.ArrayLike | None = None
    ) -> WeightedExamples:
        """Check and convert; without weights every example counts once."""
        rows = np.asarray(embeddings, dtype=np.float64)
        shares = np.asarray(share, dtype=np.float64)
        counted = np.ones(len(rows)) if weights is None else np.asarray(weights, dtype=np.float64)
        if rows.ndim != 2 or shares.shape != (len(rows),) or counted.shape != (len(rows),):
            raise ValueError(f"expected (n, d), (n,) and (n,), got {rows.shape}, {shares.shape}, {counted.shape}")
        if not np.isfinite(rows).all():
            raise ValueError("embeddings must be finite")
        return cls(rows, shares, counted)


def starting_head(dimensions: int, own_log_odds: int | None, weight: float = 1.0) -> LinearHead:
    """Where regularisation pulls to: the backbone's own log-odds when it knows the target, else nothing.

    Args:
        dimensions: of the embedding.
        own_log_odds: column of the target's; None: the backbone does not know it.
        weight: by which that column is to be multiplied to be log odds.
    """
    weights = np.zeros(dimensions)
    if own_log_odds is not None:
        weights[own_log_odds] = weight
    return LinearHead(weights, 0.0)


def knowing_head(dimensions: int, classes: Sequence[str], names: Sequence[str], weight: float = 1.0) -> LinearHead:
    """The starting head on a backbone whose last numbers are the log odds of the classes that it was trained on.

    Args:
        dimensions: of the embedding.
        classes: that the backbone was trained on, in the order of its last numbers.
        names: of the target, written as the classes are; the first that is among them is it.
        weight: as for `starting_head`.
    """
    own = next((dimensions - len(classes) + classes.index(name) for name in names if name in classes), None)
    return starting_head(dimensions, own, weight)


def fit_head(
    examples: WeightedExamples, l2: float, start: LinearHead, *, steps: int = 30, near: LinearHead | None = None
) -> LinearHead:
    """Minimise the weighted log loss plus l2/2 times the squared distance from `start`, in scaled units.

    Every column is divided by its standard deviation first, so one strength suits all columns. The bias is free.
    The way to the minimum begins at `near`, the head of a similar training set, where there is one; the result is the
    same.

    Raises:
        ValueError: l2 is not positive, or the examples are all of one kind.
    """
    if l2 <= 0:
        raise ValueError(f"l2 must be positive, got {l2}")
    effective = float(examples.weights @ examples.share)
    if not 0 < effective < float(examples.weights.sum()):
        raise ValueError("a head needs examples of both kinds")
    scale = np.maximum(examples.embeddings.std(axis=0), 1e-6)
    rows = np.hstack([examples.embeddings / scale, np.ones((len(examples.embeddings), 1))])
    pull = Pull(np.append(start.weights * scale, start.bias), np.append(np.full(len(scale), l2), 1e-9))
    begin = pull.centre if near is None else np.append(near.weights * scale, near.bias)
    solution = newton(WeightedExamples(rows, examples.share, examples.weights), pull, begin, steps)
    return LinearHead(solution[:-1] / scale, float(solution[-1]))


@dataclass(frozen=True, slots=True)
class Pull:
    """What regularisation does: draws each number to its centre."""

    centre: FloatArray  # (d,)
    strength: FloatArray  # (d,)


def newton(examples: WeightedExamples, pull: Pull, begin: FloatArray, steps: int) -> FloatArray:
    """The weights, shape (d,), with the least weighted log loss plus half of `strength` times their squared distance.

    Args:
        examples: examples; a column of ones in their vectors stands for a bias.
        pull: where each weight is drawn to.
        begin: where the way begins; it changes how long it takes, not where it ends.
        steps: at most.
    """
    rows, centre, strength = examples.embeddings, pull.centre, pull.strength

    def cost(point: FloatArray) -> float:
        logits = rows @ point
        loss = np.logaddexp(0.0, logits) - examples.share * logits
        return float(examples.weights @ loss + 0.5 * strength @ (point - centre) ** 2)

    point, now = begin.copy(), cost(begin)
    for _ in range(steps):
        chance = 0.5 * (1 + np.tanh(0.5 * (rows @ point)))
        slope = rows.T @ (examples.weights * (chance - examples.share)) + strength * (point - centre)
        # Single precision bends the way to the minimum a little, not the minimum, and is twice as fast.
        bent = (rows * np.sqrt(examples.weights * chance * (1 - chance))[:, None]).astype(np.float32)
        step = np.linalg.solve((bent.T @ bent).astype(np.float64) + np.diag(strength + 1e-9), slope)
        stride = 1.0
        for _ in range(_HALVINGS):
            if (then := cost(point - stride * step)) <= now:
                break
            stride /= 2
        else:
            return point
        point, now = point - stride * step, then
        if np.abs(stride * step).max() < _CONVERGED:
            break
    return point
