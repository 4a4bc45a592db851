"""Which picture a person is asked about first, and which class a few typed letters mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from classifier.arrays import FloatArray
from classifier.recognition.certainty import Certainty


def asking_order(probabilities: FloatArray, classes: Sequence[str], labelled: Mapping[str, int]) -> list[int]:
    """Row numbers, rare and doubtful ones first.

    A picture counts for the lack of certainty, 0..1, and for how rare its likeliest class is among labels, 0..1.

    Args:
        probabilities: of a recogniser, shape (n, classes).
        classes: in the order of the columns.
        labelled: pictures by class that are labelled already, or that the recogniser was trained on.
    """
    if not len(probabilities):
        return []
    counts = np.array([labelled.get(name, 0) for name in classes], dtype=np.float64)
    rarity = 1 - counts / max(counts.max(), 1.0)
    worth = (1 - Certainty.of(probabilities).gap) + rarity[probabilities.argmax(axis=1)]
    return [int(row) for row in np.argsort(-worth, kind="stable")]


def proposals(row: FloatArray, classes: Sequence[str], most: int) -> list[tuple[str, float]]:
    """The likeliest classes of one picture with their probabilities, the first one first."""
    order = np.argsort(-row, kind="stable")[:most].tolist()
    return [(classes[column], float(row[column])) for column in order]


def meant(typed: str, names: Sequence[str]) -> list[str]:
    """The names that a part of a name may mean, in their order; one where it is unmistakable.

    A whole name is meant before all others, then what begins with it, or has a word that does, then what contains it.
    """
    wanted = _flat(typed)
    if not wanted:
        return []
    flat = {name: _flat(name) for name in names}
    whole = [name for name in names if flat[name] == wanted]
    words = [name for name in names if f"_{wanted}" in "_" + flat[name].replace("/", "_")]
    return whole or words or [name for name in names if wanted in flat[name]]


def _flat(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())
