"""Network files of half the size: weights are kept as float16, and computed with as float32.

Keras converts what it reads to the precision of each weight, so a file whose arrays are float16 loads like any other.
Weights are rounded before anything is measured with them: every form of the network then holds the same numbers.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

_WEIGHTS = "model.weights.h5"


def round_weights(model: Any) -> None:
    """Round a Keras model's float32 weights to what float16 can say, in place.

    Raises:
        ValueError: a weight is too large for float16.
    """
    import keras

    for variable in model.variables:
        value = keras.ops.convert_to_numpy(variable)
        if value.dtype == np.float32:
            with np.errstate(over="ignore"):
                rounded = value.astype(np.float16).astype(np.float32)
            if not np.isfinite(rounded).all():
                raise ValueError(f"the weights {variable.path} are too large for half precision")
            variable.assign(keras.ops.convert_to_tensor(rounded))


def is_half(model: Any, but: str = "") -> bool:
    """Whether a Keras model's weights are exact in half precision, so that files may hold those.

    Args:
        model: whose layers, and those of models within it, are looked at.
        but: name of a layer that does not count.
    """
    weights = [layer.get_weights() for layer in layers_of(model) if layer.name != but]
    return all(np.array_equal(one, one.astype(np.float16)) for layer in weights for one in layer)


def layers_of(model: Any) -> list[Any]:
    """A Keras model's layers, with those of models within it in their places."""
    return [one for layer in model.layers for one in (layers_of(layer) if hasattr(layer, "layers") else [layer])]


def halve_file(path: Path) -> None:
    """Write a `.keras` file's float32 arrays as float16."""
    with zipfile.ZipFile(path) as archive:
        contents = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    contents[_WEIGHTS] = _halved(contents[_WEIGHTS])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    path.write_bytes(packed.getvalue())


def _halved(weights: bytes) -> bytes:
    import h5py

    packed = io.BytesIO()
    with h5py.File(io.BytesIO(weights), "r") as whole, h5py.File(packed, "w") as half:
        _copy(h5py, whole, half)
    return packed.getvalue()


def _copy(h5py: Any, source: Any, destination: Any) -> None:
    for name, value in source.attrs.items():
        destination.attrs[name] = value
    for name, one in source.items():
        if isinstance(one, h5py.Group):
            _copy(h5py, one, destination.create_group(name))
            continue
        numbers = one[()]
        destination.create_dataset(name, data=numbers.astype(np.float16) if numbers.dtype == np.float32 else numbers)
