"""Whether training a network is likely to pay, where a last layer alone takes seconds; of two recognisers, the better.

Two recognisers are compared by what they say of pictures that neither has learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.heads.noisy_labels import LabelSource
from rounds.examples.label_sources import noisy_labels_of
from rounds.head_round import Candidate
from rounds.recogniser_round import TrainedRecogniser

_ENOUGH = 0.985  # average precision from which a new network can gain little
_LEAST_PICTURES = 300
_GROWTH = 1.3  # ratio of examples now to those that the network was trained on
_RIGHT_ENOUGH = 0.985  # share of a recogniser's right answers from which a trained network can gain little
_RAREST = 20  # pictures of a class, below which a network learned less of it than it was given
_SAMPLES_A_SECOND = 60  # of 96 pixels, that a network learns from on one free processor
_SHORT = 0.8  # share of the planned steps under which training was cut short


@dataclass(frozen=True, slots=True)
class Advice:
    """Whether a new network pays, and why."""

    pays: bool
    why: str


def advise(candidate: Candidate) -> Advice:
    """Whether training the network is likely to pay, from the new head's quality and the network's training."""
    quality, snapshot = candidate.learned.quality, candidate.snapshot.package.snapshot
    seen = max(training_set_size(snapshot) if snapshot.get("earlier") else 0, snapshot.get("tried", 0))
    now = int((~np.isin(noisy_labels_of(candidate.snapshot.evidence)[0], (LabelSource.NOTHING,))).sum() * 0.7)
    reached = quality.average_precision.value
    if reached >= _ENOUGH:
        return Advice(False, f"head only: its average precision of {reached:.3f} leaves a new network little to gain")
    if now < _LEAST_PICTURES:
        return Advice(False, f"head only: about {now} pictures are too few to train a network ({_LEAST_PICTURES})")
    if seen and now < _GROWTH * seen:
        return Advice(
            False,
            f"head only: a network was trained on {seen} of about {now} usable pictures already; too few are new",
        )
    short = ", and its training was cut short" if _cut_short(snapshot.get("taught") or {}) else ""
    return Advice(
        True,
        f"head only; a new network may rank better: average precision is {reached:.3f}, about {now} pictures to train "
        f"on{short}",
    )


def better_recogniser(first: TrainedRecogniser, second: TrainedRecogniser) -> tuple[TrainedRecogniser, str]:
    """The one that is right more often about the same pictures, and why; of equals the first."""
    both = first.right.keys() & second.right.keys()
    rights = [sum(one.right[md5] for md5 in both) for one in (first, second)]
    chosen = second if rights[1] > rights[0] else first
    return chosen, (
        f"{chosen.network} is in force: of {len(both)} pictures that neither learned from, {second.network} is right "
        f"about {rights[1]}, {first.network} about {rights[0]}"
    )


def recogniser_pays(first: TrainedRecogniser, epochs: int) -> str:
    """Why a network that is trained on the classes is likely to be better, in how long; empty: it is not.

    Args:
        first: a last layer on embeddings, with figures out of fold.
        epochs: that the network would be trained for.
    """
    measured = first.done["metrics"].get("out_of_fold")
    if measured is None or measured["accuracy"]["value"] >= _RIGHT_ENOUGH or min(first.classes.values()) < _RAREST:
        return ""
    minutes = max(1, round(sum(first.classes.values()) * 0.75 * epochs / _SAMPLES_A_SECOND / 60))
    return (
        f"{measured['accuracy']['value']:.3f} right leaves room: a network trained on these classes may know more, "
        f"after about {minutes} min of a free processor"
    )


def training_set_size(snapshot: Mapping[str, Any]) -> int:
    """How many tagged or labelled pictures a network was trained on."""
    return len((snapshot.get("parts") or {}).get("train", ()))


def _cut_short(training: Mapping[str, Any]) -> bool:
    """Whether the time budget ended the training of the network in force."""
    return bool(training.get("steps", 0) < _SHORT * training.get("planned_steps", 0))
