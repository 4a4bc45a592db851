"""Fitting a softmax head to embeddings: multinomial logistic regression by SciPy's L-BFGS, whole groups out of fold.

    folds of whole groups -> a head a fold, for each strength -> the strength with the least loss out of fold
    -> the mean of its heads is the head -> a temperature from the scores out of fold

Vectors are centred and scaled as a whole, to a mean squared length of one, so one range of strengths suits every
network. The mean of linear heads is a linear head; its scores of fitted pictures are those out of fold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from threadpoolctl import threadpool_limits

from classifier.arrays import BoolArray, Float32Array, FloatArray, IntArray
from classifier.recognition.class_head import LARGEST_TEMPERATURE, ClassHead, softmax

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # of regularisation; the losses are summed
FOLDS = 5
_STEPS = 120  # of L-BFGS, at most
_CHOICE_FOLDS = 3  # that strengths are compared on; bounds the time
_WITHOUT_FOLDS = 5  # parts of the classes that are left out in turn

_NONE: IntArray = np.zeros(0, dtype=np.int64)

Progress = Callable[[float], None]  # share that is done, 0..1


@dataclass(frozen=True, slots=True, eq=False)
class LabelledVectors:
    """Embeddings with their classes; n rows."""

    vectors: Float32Array  # (n, d), finite
    columns: IntArray  # (n,) number of the class
    groups: IntArray  # (n,) a group is never on both sides of a fold
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not np.isfinite(self.vectors).all():
            raise ValueError("embeddings must be finite")
        if len(self.columns) != len(self.vectors) or len(self.groups) != len(self.vectors):
            raise ValueError(f"{len(self.vectors)} vectors, {len(self.columns)} classes, {len(self.groups)} groups")


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """A head, and what heads that never saw a picture say of it."""

    head: ClassHead
    probabilities: FloatArray  # (n, classes) out of fold
    strength: float


def fitted_head(
    examples: LabelledVectors,
    always: LabelledVectors | None = None,
    *,
    seed: int = 0,
    report: Progress = lambda share: None,
) -> FittedHead:
    """Fit a head.

    Args:
        examples: two classes at least, each with pictures of two groups or more.
        always: more that every fold's head learns from, of the same classes, and that nothing is measured on.
        seed: of the folds.
        report: progress.
    """
    frame = _Frame.of(examples.vectors, always)
    strength = _best_strength(frame, examples, seed, lambda share: report(0.6 * share))
    folds = stratified_folds(examples, FOLDS, seed)
    points, logits = [], np.zeros((len(examples.vectors), len(examples.classes)))
    for number in range(FOLDS):
        out = folds == number
        points.append(_fit(*frame.learned(examples, ~out), len(examples.classes), strength))
        logits[out] = frame.rows[out] @ points[-1]
        report(0.6 + 0.4 * (number + 1) / FOLDS)
    temperature = fitted_temperature(logits, examples.columns)
    weights, bias = frame.raw(np.mean(points, axis=0))
    head = ClassHead(examples.classes, weights, bias, temperature)
    return FittedHead(head, softmax(logits / temperature), strength)


def strangers(
    examples: LabelledVectors, fitted: FittedHead, always: LabelledVectors | None = None, *, seed: int = 0
) -> FloatArray:
    """What heads say of pictures whose class they do not know: probabilities, shape (n, classes), 0 for left-out ones.

    The classes are left out in a few parts in turn. Rows of classes that could not be left out are not-a-number, which
    is so where there are fewer than three.
    """
    count = len(examples.classes)
    found = np.full((len(examples.vectors), count), np.nan)
    if count < 3:
        return found
    frame = _Frame.of(examples.vectors, always)
    part = np.random.default_rng(seed).permutation(count) % min(_WITHOUT_FOLDS, count - 1)
    for number in range(int(part.max()) + 1):
        kept = np.flatnonzero(part != number)
        out = part[examples.columns] == number
        rows, columns = frame.learned(examples, ~out)
        known = np.isin(columns, kept)  # of those that are always learned from, too
        point = _fit(rows[known], np.searchsorted(kept, columns[known]), len(kept), fitted.strength)
        found[out] = 0.0
        found[np.ix_(out, kept)] = softmax(frame.rows[out] @ point / fitted.head.temperature)
    return found


def stratified_folds(examples: LabelledVectors, count: int, seed: int) -> IntArray:
    """Deal whole groups into folds so that each class is spread over them; numbers of folds, shape (n,)."""
    order = np.random.default_rng(seed).permutation(len(examples.groups))
    members: dict[int, list[int]] = {}
    for row in order.tolist():
        members.setdefault(int(examples.groups[row]), []).append(row)
    held = np.zeros((count, len(examples.classes)))
    fold = np.zeros(len(examples.groups), dtype=np.int64)
    for rows in sorted(members.values(), key=len, reverse=True):
        emptiest = int(np.argmin(held[:, examples.columns[rows]].sum(axis=1)))
        fold[rows] = emptiest
        np.add.at(held[emptiest], examples.columns[rows], 1)
    return fold


def fitted_temperature(logits: FloatArray, columns: IntArray) -> float:
    """By which logits, shape (n, classes), are to be divided for the least log loss."""
    rows = np.arange(len(columns))

    def loss(power: float) -> float:
        scaled = logits / np.exp(power)
        top = scaled.max(axis=1)
        whole = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(np.mean(whole - scaled[rows, columns]))

    most = float(np.log(LARGEST_TEMPERATURE)) / 2
    return float(np.exp(minimize_scalar(loss, bounds=(-most, most), method="bounded").x))


def log_loss(probabilities: FloatArray, columns: IntArray) -> float:
    """Mean, in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(columns)), columns], 1e-12)).mean())


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """Vectors, centred and scaled as a whole, with a column of ones."""

    rows: Float32Array  # (n, d + 1)
    more: Float32Array  # (m, d + 1) that are always learned from
    of_more: IntArray  # (m,) their classes
    centre: FloatArray  # (d,)
    scale: float

    @classmethod
    def of(cls, vectors: Float32Array, always: LabelledVectors | None = None) -> _Frame:
        count, of_more = len(vectors), _NONE if always is None else always.columns
        if always is not None:
            vectors = np.concatenate([vectors, always.vectors])
        centre = vectors.mean(axis=0, dtype=np.float64)
        centred = vectors - centre
        scale = max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-9)
        rows = np.hstack([centred / scale, np.ones((len(vectors), 1))]).astype(np.float32)
        return cls(rows[:count], rows[count:], of_more, centre, scale)

    def learned(self, examples: LabelledVectors, kept: BoolArray) -> tuple[Float32Array, IntArray]:
        """The rows that a head learns from, and their classes: those that are kept, and what is always there."""
        return np.concatenate([self.rows[kept], self.more]), np.concatenate([examples.columns[kept], self.of_more])

    def raw(self, point: FloatArray) -> tuple[npt.NDArray[np.float32], FloatArray]:
        """Weights and biases for raw vectors."""
        weights = point[:-1] / self.scale
        return weights.astype(np.float32), point[-1] - self.centre @ weights


def _best_strength(frame: _Frame, examples: LabelledVectors, seed: int, report: Progress) -> float:
    folds = stratified_folds(examples, _CHOICE_FOLDS, seed)
    losses: dict[float, float] = {}
    begin: list[FloatArray | None] = [None] * _CHOICE_FOLDS
    for strength in sorted(STRENGTHS, reverse=True):  # from the stiffest, which is soonest found
        logits = np.zeros((len(examples.vectors), len(examples.classes)))
        for number in range(_CHOICE_FOLDS):
            out = folds == number
            point = _fit(*frame.learned(examples, ~out), len(examples.classes), strength, begin=begin[number])
            logits[out], begin[number] = frame.rows[out] @ point, point
        losses[strength] = log_loss(softmax(logits / fitted_temperature(logits, examples.columns)), examples.columns)
        report(len(losses) / len(STRENGTHS))
        if losses[strength] > 1.02 * min(losses.values()):
            break  # weaker ones fit ever closer to what they are fitted to
    return min(losses, key=lambda strength: losses[strength])


def _fit(
    rows: Float32Array, columns: IntArray, count: int, strength: float, *, begin: FloatArray | None = None
) -> FloatArray:
    """The point, shape (d + 1, count), with the least summed log loss plus half of `strength` times the squares."""
    shape = (rows.shape[1], count)
    wanted = np.zeros((len(rows), count), dtype=np.float32)
    wanted[np.arange(len(rows)), columns] = 1
    strengths = np.full((shape[0], 1), strength)
    strengths[-1] = 1e-6  # the bias is free

    def cost(flat: FloatArray) -> tuple[float, FloatArray]:
        point = flat.reshape(shape)
        logits = rows @ point.astype(np.float32)
        top = logits.max(axis=1, keepdims=True)
        powers = np.exp(logits - top)
        sums = powers.sum(axis=1, keepdims=True)
        loss = float((np.log(sums[:, 0]) + top[:, 0]).sum(dtype=np.float64) - (logits * wanted).sum(dtype=np.float64))
        slope = (rows.T @ (powers / sums - wanted)).astype(np.float64) + strengths * point
        return loss + 0.5 * float((strengths * point**2).sum()), slope.ravel()

    first = np.zeros(shape) if begin is None else begin
    with threadpool_limits(limits=1, user_api="blas"):  # threads that wait for each other cost more than they bring
        found = minimize(cost, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS, "maxcor": 20})
    return np.asarray(found.x, dtype=np.float64).reshape(shape)
