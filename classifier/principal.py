"""The directions in which many vectors vary most."""

from __future__ import annotations

import numpy as np

from classifier.arrays import Float32Array

_SPARE, _ITERATIONS = 40, 2  # of the search for directions
_TINY = 2.0**-20


def principal(standard: Float32Array, kept: int, random: np.random.Generator) -> Float32Array:
    """The first principal directions, shape (d, at most kept), by random projection and power iterations.

    Args:
        standard: vectors with a mean of nought, shape (n, d).
        kept: how many; fewer where they vary in fewer.
        random: where the search begins.

    Source: Halko, Martinsson & Tropp 2011, "Finding structure with randomness", algorithms 4.4 and 5.1.
    """
    most = min(standard.shape)
    sketch = random.standard_normal((standard.shape[1], min(most, kept + _SPARE)), dtype=np.float32)
    basis = np.linalg.qr(standard @ sketch)[0]
    for _ in range(_ITERATIONS):
        basis = np.linalg.qr(standard @ np.linalg.qr(standard.T @ basis)[0])[0]
    _, strengths, directions = np.linalg.svd(basis.T @ standard, full_matrices=False)
    kept = min(kept, int((strengths > _TINY * strengths[0]).sum()))
    found = directions[:kept].T
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(kept)])
    return np.asarray(found * signs, dtype=np.float32)
