"""The last layer of a recogniser: from an embedding to a probability for each class.

embedding (d numbers, stored as float16) -> weights and bias -> logits -> divided by a temperature -> softmax
As with a target's head, scores are always computed from the float16 embedding, so a stored one gives the same scores.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray
from classifier.head import EMBEDDING_DTYPE, Embeddings

LARGEST_TEMPERATURE = 1000.0  # beyond, every class is equally probable


@dataclass(frozen=True, slots=True, eq=False)
class ClassHead:
    """Softmax over classes, linear in the embedding."""

    classes: tuple[str, ...]  # in the order of the columns
    weights: npt.NDArray[np.float32]  # (d, classes)
    bias: FloatArray  # (classes,)
    temperature: float = 1.0  # by which logits are divided; over 1: less sure

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.shape[1] != len(self.classes) or not self.weights.size:
            raise ValueError(
                f"{len(self.classes)} classes want weights of shape (d, classes), got {self.weights.shape}"
            )
        if self.bias.shape != (len(self.classes),):
            raise ValueError(f"{len(self.classes)} classes want as many biases, got {self.bias.shape}")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.bias).all()):
            raise ValueError("weights and biases must be finite")
        if not (math.isfinite(self.temperature) and 1 / LARGEST_TEMPERATURE <= self.temperature <= LARGEST_TEMPERATURE):
            raise ValueError(f"the temperature must be positive and at most {LARGEST_TEMPERATURE:g}")

    @property
    def dimension(self) -> int:
        """Length of the embedding that it wants."""
        return int(self.weights.shape[0])

    def logits(self, embeddings: Embeddings) -> FloatArray:
        """Logits, shape (n, classes), of embeddings, shape (n, d).

        Raises:
            ValueError: the embeddings are of another length.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.dimension:
            raise ValueError(f"expected embeddings of shape (n, {self.dimension}), got {embeddings.shape}")
        with np.errstate(over="ignore", invalid="ignore"):  # ends as no probability, which callers refuse
            rounded = embeddings.astype(EMBEDDING_DTYPE).astype(np.float64)
            return np.asarray(rounded @ self.weights.astype(np.float64) + self.bias, dtype=np.float64)

    def probabilities(self, embeddings: Embeddings) -> FloatArray:
        """Probabilities, shape (n, classes), rows that sum to one; not-a-number where an embedding is not finite."""
        with np.errstate(over="ignore", invalid="ignore"):
            return softmax(self.logits(embeddings) / self.temperature)


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities, shape (n, classes), of logits, shape (n, classes)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
