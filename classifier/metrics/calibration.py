"""Between log odds and shares, with nothing that overflows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray


def sigmoid(logits: npt.NDArray[np.floating]) -> FloatArray:
    """Logistic function without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(logits, dtype=np.float64))))


def log_odds(share: float) -> float:
    """Log odds of a share strictly between 0 and 1."""
    if not 0 < share < 1:
        raise ValueError(f"expected a share strictly between 0 and 1, got {share}")
    return float(np.log(share) - np.log1p(-share))
