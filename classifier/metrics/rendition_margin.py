"""How far from the threshold a small rendition's score must be, so that a larger one would decide the same.

Measured on pictures that were seen twice. Few of them lie near the threshold, so beside counting them every movement
that a small copy made is tried on every score: that many more chances to be decided otherwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray

FEWEST = 60  # pictures; fewer tell nothing
AGREE = 0.997  # share of decisions that must stay; 0.995 is promised
LEAST = 1.5  # log odds; with it every picture that was measured was decided alike (docs/experiments.md)
MOST = 4.0  # log odds
_STEP = 0.125
_END = 1e-3  # scores nearer to 0 or 1 count as this
_NEAR = 3.0  # log odds from the threshold within which a movement tells of doubtful pictures
_FEWEST_NEAR = 20  # movements; fewer, and all are taken


def rendition_margin(large: FloatArray, small: FloatArray, threshold: float) -> float | None:
    """The smallest margin that keeps the decisions, log odds, `LEAST` to `MOST`; None: too few pictures.

    Args:
        large: scores, 0..1, shape (n,), by the rendition that is scored.
        small: of the same pictures by the small one.
        threshold: 0..1.
    """
    if len(large) < FEWEST:
        return None
    by_large, by_small = (_odds(scores) - _odds(np.array([threshold])) for scores in (large, small))
    moved = by_small - by_large
    near = np.minimum(np.abs(by_large), np.abs(by_small)) <= _NEAR
    chosen = moved[near] if near.sum() >= _FEWEST_NEAR else moved
    for margin in np.arange(LEAST, MOST, _STEP):
        sure = np.abs(by_small) >= margin
        counted = np.mean(sure & (by_small * by_large < 0))
        expected = np.mean(sure[:, None] & (by_small[:, None] * (by_small[:, None] - chosen) < 0))
        if max(counted, expected) <= 1 - AGREE:
            return float(margin)
    return MOST


def _odds(scores: npt.NDArray[np.float64]) -> FloatArray:
    within = np.clip(scores, _END, 1 - _END)
    return np.asarray(np.log(within / (1 - within)), dtype=np.float64)
