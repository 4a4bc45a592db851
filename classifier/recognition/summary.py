"""What is known of a new recogniser: figures out of fold, or on a test split, for its package, and lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from classifier.recognition.certainty import limit_words
from classifier.recognition.head_fit import FittedHead, LabelledVectors, log_loss
from classifier.recognition.labels import NOBODY
from classifier.recognition.limit_choice import ChosenLimits
from classifier.recognition.quality import ManyClassQuality
from classifier.recognition.recogniser import Recogniser

_CONFUSIONS_KEPT = 10  # pairs of classes in the metrics


def summary_metrics(
    recogniser: Recogniser, examples: LabelledVectors, fitted: FittedHead, chosen: ChosenLimits
) -> dict[str, Any]:
    """Plain values: figures out of fold, the limits, and what to expect of them."""
    truth = [examples.classes[column] for column in examples.columns.tolist()]
    likeliest = [examples.classes[column] for column in fitted.probabilities.argmax(axis=1).tolist()]
    quality = ManyClassQuality.of(examples.classes, truth, likeliest)
    return {
        "out_of_fold": {**quality.to_json(), "log_loss": round(log_loss(fitted.probabilities, examples.columns), 4)},
        "confused": confused_pairs(quality),
        "limits": asdict(recogniser.limits),
        "named": round(chosen.named, 4),
        "right_of_named": round(chosen.right, 4),
        "strangers_refused": None if chosen.strangers_refused is None else round(chosen.strangers_refused, 4),
        "goal_reached": chosen.reached,
        "l2": fitted.strength,
        "temperature": round(fitted.head.temperature, 4),
        "styles": [] if recogniser.styles is None else list(recogniser.styles.classes),
    }


def confused_pairs(quality: ManyClassQuality) -> list[dict[str, Any]]:
    """The pairs of classes that are taken for each other most often."""
    off = quality.confusion.copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:_CONFUSIONS_KEPT].tolist()
    pairs = [np.unravel_index(at, off.shape) for at in order]
    return [
        {"shows": quality.names[int(row)], "answered": quality.names[int(column)], "pictures": int(off[row, column])}
        for row, column in pairs
        if off[row, column]
    ]


def summary_text(name: str, recogniser: Recogniser, metrics: Mapping[str, Any], precision: float | None = None) -> str:
    """What a person wants to know of a new recogniser.

    Args:
        name: under which it is registered.
        recogniser: it.
        metrics: from `summary_metrics`, or from `held_out.held_out_metrics`.
        precision: that was asked for.
    """
    held_out = "held_out" in metrics
    measured = metrics["held_out" if held_out else "out_of_fold"]
    where = f"on the test split of {measured['pictures']} pictures, which trained and chose nothing"
    where = where if held_out else "out of fold"
    accuracy = measured["accuracy"]
    weakest = sorted((one for one in measured["classes"] if one["pictures"]), key=lambda one: one["f1"])[:3]
    lines = [
        f"{name}: {len(recogniser.classes)} classes" + ("" if held_out else f" from {measured['pictures']} pictures"),
        f"{where}: "
        f"accuracy {accuracy['value']:.3f} ({accuracy['low']:.3f}–{accuracy['high']:.3f}), "
        f"macro F1 {measured['macro_f1']:.3f}",
        "weakest: " + ", ".join(f"{one['name']} F1 {one['f1']:.2f}{_taken(one)}" for one in weakest),
        _nobody_line(recogniser, metrics),
    ]
    if not metrics["goal_reached"]:
        lines.append(f"a precision of {precision:g} is out of reach; these limits come nearest")
    if metrics.get("flattered"):
        lines.append("the network was trained on these very pictures, so the figures flatter it; measure on others")
    return "\n".join(lines) + "\n"


def _taken(one: Mapping[str, Any]) -> str:
    if not one["taken_for"]:
        return ""
    times = "once" if one["taken_count"] == 1 else f"{one['taken_count']} times"
    return f" (taken for {one['taken_for']} {times})"


def _nobody_line(recogniser: Recogniser, metrics: Mapping[str, Any]) -> str:
    named, right = metrics["named"], metrics["right_of_named"]
    refused = metrics["strangers_refused"]
    figures = f"{named:.1%} of known pictures get a name, {right:.1%} of these are right"
    if NOBODY in recogniser.classes:
        found = "" if refused is None else f"; {refused:.1%} of nobody found"
        return f"nobody is a class of its own: {figures}{found}"
    strangers = "" if refused is None else f"; of classes that it does not know, {refused:.1%} get none"
    words = limit_words(asdict(recogniser.limits))
    where = f"a name from {words} on, else nobody" if words else "the likeliest class, however sure it is"
    return f"{where}: {figures}{strangers}"
