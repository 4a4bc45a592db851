"""Whether training the network again is likely to pay, where a head alone takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.heads.noisy_labels import LabelSource
from rounds.examples.label_sources import noisy_labels_of
from rounds.head_round import Candidate

_ENOUGH = 0.985  # average precision from which a new network can gain little
_LEAST_PICTURES = 300
_GROWTH = 1.3  # ratio of examples now to those that the network was trained on
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


def training_set_size(snapshot: Mapping[str, Any]) -> int:
    """How many tagged or labelled pictures a network was trained on."""
    return len((snapshot.get("parts") or {}).get("train", ()))


def _cut_short(training: Mapping[str, Any]) -> bool:
    """Whether the time budget ended the training of the network in force."""
    return bool(training.get("steps", 0) < _SHORT * training.get("planned_steps", 0))
