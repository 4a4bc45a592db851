"""The proof that an export scores as the package does: its canary pictures, by the format's own runtime."""

from __future__ import annotations

import numpy as np

from classifier.arrays import FloatArray
from classifier.errors import CanaryError
from classifier.inference.runtime_choice import SCORE_TOLERANCE
from classifier.package.canaries import Canaries


def largest_difference(canaries: Canaries, scored: FloatArray, what: str) -> float:
    """By how much an export's scores differ from the package's at most.

    Args:
        canaries: of the package.
        scored: their probabilities by the export, shape (n, 1) or (n, classes).
        what: was exported, for the message.

    Raises:
        CanaryError: by more than rounding.
    """
    expected = canaries.scores.reshape(len(canaries.pictures), -1)
    if scored.shape != expected.shape:
        raise CanaryError(f"{what} gives {scored.shape} for {len(expected)} check pictures, expected {expected.shape}")
    off = float(np.abs(scored - expected).max())
    if not off <= SCORE_TOLERANCE:  # true for not-a-number too
        raise CanaryError(
            f"{what} scores the package's check pictures up to {off:.4f} off, at most {SCORE_TOLERANCE} is rounding; "
            "it was not exported"
        )
    return off
