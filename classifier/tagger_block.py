"""What a head makes of the penultimate layer of the user's own tagger, beside the embedding of its own network.

The two are blocks of one description of a picture, but stored apart: a picture has the tagger's vector only where that
tagger looked at it, and goes on being scored by its own network's embedding where it did not.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray
from classifier.package.bounded_json import read_json
from classifier.package.npz_arrays import ArraySpec

Weights = npt.NDArray[np.float32]
TaggerVectors = Mapping[str, npt.NDArray[np.float16]]  # by network: (n, k), not-a-number where it never looked

NAME = "tagger"  # of the block
ARRAYS = {  # of a head's file that has such a block; versions that know none refuse it
    "tagger_block": ArraySpec("|u1", 1),  # JSON: which network
    "tagger_weights": ArraySpec("<f4", 1),
    "tagger_bias": ArraySpec("<f8", 1),
}
_NETWORK = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}")
_SHOWN = 12  # digits of the tagger's hash, as wherever one is named


@dataclass(frozen=True, slots=True, eq=False)
class TaggerBlock:
    """Adds to the log odds of a picture's score, where the tagger looked at it: `vector @ weights + bias`."""

    network: str  # `storage.records.TaggerVector.network`
    weights: Weights  # (k,)
    bias: float

    def __post_init__(self) -> None:
        if not _NETWORK.fullmatch(self.network):
            raise ValueError(f"a tagger's block is of a network, got {self.network!r:.40}")
        if self.weights.ndim != 1 or not self.weights.size:
            raise ValueError(f"a tagger's block has weights of shape (k,), got {self.weights.shape}")
        if not (np.isfinite(self.weights).all() and math.isfinite(self.bias)):
            raise ValueError("a tagger's block has finite weights and a finite bias")

    def shifts(self, vectors: npt.NDArray[np.float16]) -> FloatArray:
        """Log odds, shape (n,), by the tagger's vectors, shape (n, k); 0 where it never looked.

        Raises:
            ValueError: the vectors are of another length.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.weights.size:
            raise ValueError(f"expected a tagger's vectors of shape (n, {self.weights.size}), got {vectors.shape}")
        found = (vectors.astype(np.float64) * self.weights.astype(np.float64)).sum(axis=1) + self.bias
        return np.where(np.isfinite(found), found, 0.0)

    @property
    def title(self) -> str:
        """Its name and size, and whose it is, for people."""
        return f"{NAME} {self.weights.size}, the penultimate layer of your tagger {self.network[:_SHOWN]}"

    def words(self) -> str:
        """What it does, for people."""
        return (
            f"also goes by the block {self.title}; a picture that the tagger never looked at is scored by its own "
            "network alone"
        )

    def facts(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"name": NAME, "count": int(self.weights.size), "network": self.network}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As it lies in a head's file."""
        return {
            "tagger_block": np.frombuffer(json.dumps({"network": self.network}).encode(), dtype=np.uint8),
            "tagger_weights": self.weights.astype("<f4"),
            "tagger_bias": np.array([self.bias], dtype="<f8"),
        }


def block_from(arrays: Mapping[str, npt.NDArray[Any]]) -> TaggerBlock | None:
    """The block in a head's file; None: it has none.

    Raises:
        ValueError: it is no such block.
    """
    there = ARRAYS.keys() & arrays.keys()
    if not there:
        return None
    if there != ARRAYS.keys():
        raise ValueError(f"a tagger's block lacks {', '.join(sorted(ARRAYS.keys() - there))}")
    facts = read_json(arrays["tagger_block"].tobytes())
    network = facts.get("network") if isinstance(facts, dict) and set(facts) == {"network"} else None
    if not isinstance(network, str) or arrays["tagger_bias"].shape != (1,):
        raise ValueError("a tagger's block says one network and has one bias")
    return TaggerBlock(network, arrays["tagger_weights"].astype(np.float32), float(arrays["tagger_bias"][0]))
