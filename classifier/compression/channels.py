"""Which channels of a network hang together, and how important each is.

Every number that a layer gives for a picture, or for a place of it, is a channel with an identity. Convolutions and
dense layers make new ones; normalisation, pooling and filters that work channel by channel pass them on; a sum makes
those that it adds into one, to be kept or removed together. What any other operation takes, and what the network gives,
is fixed: it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray, IntArray

_PASSING = frozenset(
    {
        *("BatchNormalization", "DepthwiseConv2D", "ReLU", "LeakyReLU", "Dropout", "SpatialDropout2D", "ZeroPadding2D"),
        *("MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Rescaling", "Identity"),
        *("UpSampling2D", "ActivityRegularization", "GaussianNoise"),
    }
)
_ELEMENTWISE = frozenset({"relu", "relu6", "linear", "sigmoid", "tanh", "hard_sigmoid", "hard_swish", "silu", "swish"})


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """A layer whose weights belong to channels."""

    layer: Any
    into: IntArray  # channels that it takes
    out: IntArray  # channels that it gives; of layers that pass them on, the same


@dataclass(slots=True)
class Channels:
    """The channels of a network and of the networks within it."""

    layers: list[Weighted] = field(default_factory=list)
    graphs: list[Any] = field(default_factory=list)  # networks that were looked into
    fixed: set[int] = field(default_factory=set)
    _parents: list[int] = field(default_factory=list)

    def new(self, count: int, *, fixed: bool = False) -> IntArray:
        """New channels."""
        first = len(self._parents)
        self._parents += range(first, first + count)
        if fixed:
            self.fixed.update(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def fix(self, channels: IntArray) -> None:
        """Keep these."""
        self.fixed.update(channels.tolist())

    def join(self, one: IntArray, other: IntArray) -> None:
        """Make pairs of channels one each."""
        for left, right in zip(one.tolist(), other.tolist(), strict=True):
            self._parents[self._root(left)] = self._root(right)

    def roots(self) -> IntArray:
        """For each channel, the one that stands for all that it was joined with."""
        return np.array([self._root(number) for number in range(len(self._parents))], dtype=np.int64)

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number


def channels_of(network: Any) -> Channels:
    """The channels of a functional `keras.Model`."""
    channels = Channels()
    _look_into(network, channels)
    return channels


def _look_into(network: Any, channels: Channels) -> None:
    """Walk through a copy of the network's graph, and name what each operation takes and gives."""
    import keras

    if any(network is one for one in channels.graphs):
        return
    channels.graphs.append(network)
    originals: dict[int, Any] = {}
    held: dict[int, tuple[Any, IntArray]] = {}  # by the tensor's id; the tensor is kept, so that no other gets its id

    def copied(layer: Any) -> Any:
        copy = layer if isinstance(layer, keras.Model) else type(layer).from_config(layer.get_config())
        originals[id(copy)] = layer
        return copy

    def called(copy: Any, *args: Any, **kwargs: Any) -> Any:
        given = copy(*args, **kwargs)
        taken = [_of(one, held, channels) for one in keras.tree.flatten([args, kwargs]) if _is_tensor(one)]
        results = [one for one in keras.tree.flatten(given) if _is_tensor(one)]
        found = _step(originals.get(id(copy), copy), taken, results, channels)
        for tensor, numbers in zip(results, found, strict=True):
            held[id(tensor)] = (tensor, numbers)
        return given

    copy = keras.models.clone_model(network, clone_function=copied, call_function=called)
    for output in copy.outputs:
        channels.fix(_of(output, held, channels))


def _is_tensor(value: Any) -> bool:
    import keras

    return isinstance(value, keras.KerasTensor)


def _of(tensor: Any, held: dict[int, tuple[Any, IntArray]], channels: Channels) -> IntArray:
    if id(tensor) not in held:  # of the input
        held[id(tensor)] = (tensor, channels.new(int(tensor.shape[-1] or 0), fixed=True))
    return held[id(tensor)][1]


def _step(layer: Any, taken: Sequence[IntArray], results: Sequence[Any], channels: Channels) -> list[IntArray]:
    """The channels that an operation gives."""
    import keras

    kind = type(layer).__name__
    if isinstance(layer, keras.Model):
        _look_into(layer, channels)
    rule = _RULES.get(kind)
    if rule is None and (kind in _PASSING or _is_elementwise(layer)):
        rule = _passes
    if rule is not None and len(results) == 1:
        found = rule(layer, taken, results[0], channels)
        if found is not None and len(found) == results[0].shape[-1]:
            return [found]
    for one in taken:
        channels.fix(one)
    return [channels.new(int(one.shape[-1] or 0) if len(one.shape) else 0, fixed=True) for one in results]


def _is_elementwise(layer: Any) -> bool:
    return type(layer).__name__ == "Activation" and layer.get_config().get("activation") in _ELEMENTWISE


def _makes(layer: Any, taken: Sequence[IntArray], result: Any, channels: Channels) -> IntArray | None:
    if getattr(layer, "groups", 1) != 1:
        return None
    out = channels.new(int(result.shape[-1]))
    channels.layers.append(Weighted(layer, taken[0], out))
    return out


def _passes(layer: Any, taken: Sequence[IntArray], _result: Any, channels: Channels) -> IntArray | None:
    if getattr(layer, "depth_multiplier", 1) != 1:
        return None
    if layer.weights:
        channels.layers.append(Weighted(layer, taken[0], taken[0]))
    return taken[0]


def _adds(_layer: Any, taken: Sequence[IntArray], _result: Any, channels: Channels) -> IntArray | None:
    if len({len(one) for one in taken}) != 1:
        return None
    for one in taken[1:]:
        channels.join(taken[0], one)
    return taken[0]


def _stands_side_by_side(layer: Any, taken: Sequence[IntArray], result: Any, _channels: Channels) -> IntArray | None:
    last = layer.axis in (-1, len(result.shape) - 1)
    return np.concatenate(list(taken)) if last else None


def _flattens(_layer: Any, taken: Sequence[IntArray], result: Any, _channels: Channels) -> IntArray | None:
    return np.tile(taken[0], int(result.shape[-1]) // max(1, len(taken[0])))


_RULES: dict[str, Callable[[Any, Sequence[IntArray], Any, Channels], IntArray | None]] = {
    "Conv2D": _makes,
    "Dense": _makes,
    "Add": _adds,
    "Multiply": _adds,
    "Concatenate": _stands_side_by_side,
    "Flatten": _flattens,
}


def importance(channels: Channels) -> FloatArray:
    """How much each channel's weights amount to, (n,): 1 is the mean of its layer; NaN where none makes it.

    The length of the filter that makes it, times what a normalisation behind it multiplies by. Channels that were
    joined share the mean of theirs. Source: Li et al. 2017, "Pruning Filters for Efficient ConvNets".
    """
    roots = channels.roots()
    scale = np.ones(len(roots))
    for one in channels.layers:
        if type(one.layer).__name__ == "BatchNormalization":
            scale[one.into] *= _multiplied(one.layer)
    total, count = np.zeros(len(roots)), np.zeros(len(roots))
    for one in channels.layers:
        if one.out is not one.into:
            kernel = np.asarray(one.layer.get_weights()[0], dtype=np.float64)
            lengths = np.sqrt(np.square(kernel).sum(axis=tuple(range(kernel.ndim - 1)))) * scale[one.out]
            np.add.at(total, roots[one.out], lengths / max(float(lengths.mean()), 1e-12))
            np.add.at(count, roots[one.out], 1.0)
    with np.errstate(invalid="ignore"):
        return np.asarray((total / count)[roots])


def _multiplied(layer: Any) -> npt.NDArray[np.float64]:
    gamma = 1.0 if layer.gamma is None else np.abs(np.asarray(layer.gamma, dtype=np.float64))
    return np.asarray(gamma / np.sqrt(np.asarray(layer.moving_variance, dtype=np.float64) + layer.epsilon))


def parameters(channels: Channels, kept: BoolArray) -> int:
    """How many weights the layers of channels have that keep only these, (n,)."""
    return sum(_parameters(one, kept) for one in channels.layers)


def _parameters(one: Weighted, kept: BoolArray) -> int:
    into, out = int(kept[one.into].sum()), int(kept[one.out].sum())
    whole = len(one.into)
    count = 0
    for weights in one.layer.get_weights():
        if one.out is not one.into and weights.ndim > 1:
            count += weights.size // (whole * len(one.out)) * into * out
        else:
            count += weights.size // len(one.out) * out
    return count
