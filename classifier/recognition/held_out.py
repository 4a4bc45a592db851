"""A recogniser by a network's own last layer: calibrated and limited on validation pictures, measured on others.

    weights of the softmax -> temperature and limits, on the validation split -> figures, on the test split

Nothing is fitted again, so there is nothing out of fold: the figures are of pictures that neither trained the network
nor chose anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from classifier.arrays import FloatArray, IntArray
from classifier.head import Embeddings
from classifier.recognition.certainty import Certainty, Limits
from classifier.recognition.class_head import ClassHead, softmax
from classifier.recognition.head_fit import fitted_temperature, log_loss
from classifier.recognition.labels import NOBODY
from classifier.recognition.limit_choice import ChosenLimits, answers_of, chosen_limits
from classifier.recognition.quality import ManyClassQuality
from classifier.recognition.recogniser import Recogniser
from classifier.recognition.summary import confused_pairs

_LEAST_TO_LEAVE_OUT = 3  # classes, so that two remain
_SURE = 1.0  # least temperature: a few right answers are no reason to be surer than the network was trained to be


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Pictures that the network was not trained on; n rows."""

    embeddings: Embeddings  # (n, d)
    columns: IntArray  # (n,) number of the class


def calibrated(head: ClassHead, validation: HeldOut) -> ClassHead:
    """The head with the temperature that suits validation pictures; never surer than it was."""
    temperature = fitted_temperature(head.logits(validation.embeddings), validation.columns)
    return ClassHead(head.classes, head.weights, head.bias, max(_SURE, temperature))


def chosen_on(head: ClassHead, validation: HeldOut, precision: float | None) -> tuple[Limits, bool]:
    """From where on a name is said, and whether the precision that was asked for was reached.

    With a class for nobody, from nothing on, unless a precision is asked for. Without one, pictures stand for strangers
    by leaving their own class out of the softmax. The network has learned these classes, so that is a rough guide.

    Args:
        head: calibrated.
        validation: chooses.
        precision: that names are to have, 0..1; None: a wrong name costs what a right one gains.
    """
    probabilities = head.probabilities(validation.embeddings)
    right = probabilities.argmax(axis=1) == validation.columns
    if NOBODY not in head.classes:
        answers = answers_of(probabilities, right, strangers_of(head, validation))
        return _limits(chosen_limits(answers, len(right), precision=precision))
    named = probabilities.argmax(axis=1) != head.classes.index(NOBODY)
    if precision is None or not named.any():
        return Limits(), precision is None
    answers = answers_of(probabilities[named], right[named], np.zeros((0, len(head.classes))))
    return _limits(chosen_limits(answers, int(named.sum()), precision=precision))


def strangers_of(head: ClassHead, pictures: HeldOut) -> FloatArray:
    """Probabilities, shape (n, classes), each picture's own class left out; no rows of two classes."""
    if len(head.classes) < _LEAST_TO_LEAVE_OUT:
        return np.zeros((0, len(head.classes)))
    logits = head.logits(pictures.embeddings) / head.temperature
    logits[np.arange(len(logits)), pictures.columns] = -np.inf
    return softmax(logits)


def held_out_metrics(recogniser: Recogniser, test: HeldOut, *, reached: bool) -> dict[str, Any]:
    """Plain values: figures on the test split, the limits, and what to expect of them.

    Args:
        recogniser: finished.
        test: pictures that chose nothing.
        reached: the precision that was asked for, on the validation split.
    """
    head, classes = recogniser.head, recogniser.classes
    probabilities = recogniser.scores(test.embeddings)
    likeliest = probabilities.argmax(axis=1)
    quality = ManyClassQuality.of(classes, *([classes[one] for one in of.tolist()] for of in (test.columns, likeliest)))
    named = np.array([name is not None for name in recogniser.decide(probabilities)], dtype=np.bool_)
    known = test.columns != (classes.index(NOBODY) if NOBODY in classes else -1)
    right = float((likeliest == test.columns)[named].mean()) if named.any() else 0.0
    refused = _refused(recogniser, test, ~named[~known])
    return {
        "held_out": {**quality.to_json(), "log_loss": round(log_loss(probabilities, test.columns), 4)},
        "confused": confused_pairs(quality),
        "limits": asdict(recogniser.limits),
        "named": round(float(named[known].mean()), 4),
        "right_of_named": round(right, 4),
        "strangers_refused": None if refused is None else round(refused, 4),
        "goal_reached": reached,
        "temperature": round(head.temperature, 4),
        "styles": [] if recogniser.styles is None else list(recogniser.styles.classes),
    }


def _limits(chosen: ChosenLimits) -> tuple[Limits, bool]:
    return chosen.limits, chosen.reached


def _refused(recogniser: Recogniser, test: HeldOut, nobody: FloatArray) -> float | None:
    """Share of nobody's pictures that get no name, or of strangers; None: there are neither."""
    if NOBODY in recogniser.classes:
        return float(nobody.mean())
    strange = strangers_of(recogniser.head, test)
    return float((~recogniser.limits.passed(Certainty.of(strange))).mean()) if len(strange) else None
