"""How the training of a network went, epoch by epoch; kept in the package's report folder for later evaluations."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.metrics.assessment import TrainingCurve
from classifier.package.bounded_json import read_json
from classifier.package.package import Package

FILE = "history.json"  # below report/
_POINTS_AT_MOST = 200
_LARGEST = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """One value an epoch; an epoch is one pass over the labelled pictures."""

    epochs: tuple[float, ...] = ()  # at the end of each, rising; the last may be broken off
    loss: tuple[float, ...] = ()  # mean since the one before
    learning_rate: tuple[float, ...] = ()  # then

    def to_bytes(self) -> bytes:
        """As it is kept in a package."""
        columns = {"epochs": self.epochs, "loss": self.loss, "learning_rate": self.learning_rate}
        return json.dumps({name: [round(one, 6) for one in values] for name, values in columns.items()}).encode()


def history_of(losses: Sequence[float], rates: Sequence[float], steps_an_epoch: float) -> TrainingHistory:
    """Sum up the steps of a training.

    Args:
        losses: of each step.
        rates: learning rate of each step.
        steps_an_epoch: may be broken; very long trainings are summed up over several epochs at once.
    """
    if not losses:
        return TrainingHistory()
    span = max(steps_an_epoch, len(losses) / _POINTS_AT_MOST, 1.0)
    ends = [min(len(losses), round(span * (number + 1))) for number in range(math.ceil(len(losses) / span))]
    begins = [0, *ends[:-1]]
    spans = [(begin, end) for begin, end in zip(begins, ends, strict=True) if end > begin]
    return TrainingHistory(
        tuple(end / steps_an_epoch for _, end in spans),
        tuple(sum(losses[begin:end]) / (end - begin) for begin, end in spans),
        tuple(rates[end - 1] for _, end in spans),
    )


def kept_history(package: Package) -> dict[str, bytes]:
    """The history file of a package, for another package with the same network; empty when it has none."""
    content = package.report(FILE)
    return {} if content is None else {FILE: content}


def training_curves(package: Package) -> tuple[TrainingCurve, ...]:
    """What a package keeps of the training of its network; nothing for packages that are older than this."""
    content = package.report(FILE)
    if content is None or len(content) > _LARGEST:
        return ()
    try:
        kept = read_json(content)
        epochs = [float(value) for value in kept["epochs"]]
        curves = {name: [float(value) for value in kept[name]] for name in ("loss", "learning_rate") if name in kept}
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(
        TrainingCurve(name=name.replace("_", " "), epochs=epochs, values=values)
        for name, values in curves.items()
        if len(values) == len(epochs) and all(map(math.isfinite, [*epochs, *values]))
    )
