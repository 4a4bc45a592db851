"""What every reader of this wing gives: the arrays of a network's layers, by the layers' names in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]
LayerArrays = Mapping[str, tuple[Array, ...]]
"""Arrays by layer, each layer's in the order of Keras' `get_weights`: kernel, bias; gamma, beta, mean, variance."""

ROLES = ("kernel", "depthwise_kernel", "pointwise_kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
_NUMBERED = re.compile(r"(.*?)(?:_(\d+))?")


class NotWeights(ValueError):
    """A file holds no weights of the form that it should have; the message goes on a sentence that begins with it."""


def by_creation(names: Iterable[str], kind: str) -> list[str]:
    """The layers that Keras named by itself, of one kind, in the order in which they were made.

    Args:
        names: of layers: conv2d, conv2d_1, batch_normalization_93, …
        kind: what the names are without the number.
    """
    numbered = [
        (int(match[2] or 0), name) for name in names if (match := _NUMBERED.fullmatch(name)) and match[1] == kind
    ]
    return [name for _, name in sorted(numbered)]
