"""Weights that Keras wrote as HDF5: `.weights.h5` of Keras 3, and the older form in which Keras publishes its own.

Read array by array, by the names of the layers: hard links only, to plain numbers within the file. HDF5 can link to
other files and can unpack to more than it holds; both are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from classifier.weights.layer_arrays import LayerArrays, NotWeights
from system.regular_files import open_regular

MOST_BYTES = 4 * 1024**3
_MOST_GROUPS, _DEEPEST = 20_000, 16
_VARIABLES = "vars"  # the group of a layer's own arrays, in Keras 3
_LAYER_NAMES, _WEIGHT_NAMES = "layer_names", "weight_names"  # attributes of the older form


def read_layers(path: Path) -> LayerArrays:
    """The arrays of every layer that has any, by the layer's name.

    Raises:
        NotWeights: it is no such file, or holds more than plain numbers.
        OSError: it cannot be read.
    """
    import h5py

    with open_regular(path, MOST_BYTES) as file:
        try:
            with h5py.File(file, "r") as opened:
                layers = dict(_older(h5py, opened) if _LAYER_NAMES in opened.attrs else _of_keras_3(h5py, opened))
        except NotWeights:
            raise
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
            raise NotWeights(f"cannot be read as Keras' weights: {str(error)[:200]}") from error
    if not layers:
        raise NotWeights("holds no layer with weights")
    return layers


def _older(h5py: Any, opened: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    names = [_word(name) for name in opened.attrs[_LAYER_NAMES]]
    if len(names) > _MOST_GROUPS:
        raise NotWeights(f"has more than {_MOST_GROUPS} layers")
    for name in names:
        group = _member(h5py, opened, name)
        arrays = [_numbers(h5py, group, _word(weight)) for weight in group.attrs[_WEIGHT_NAMES]]
        if arrays:
            yield name, tuple(arrays)


def _of_keras_3(h5py: Any, opened: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Groups within groups; each layer's arrays lie in a group of their own, which carries the layer's name."""
    waiting, seen = [("", opened, 0)], 0
    while waiting:
        path, group, depth = waiting.pop()
        for key in group:
            seen += 1
            if seen > _MOST_GROUPS or depth > _DEEPEST:
                raise NotWeights(f"has more than {_MOST_GROUPS} layers, or layers more than {_DEEPEST} deep")
            one = _member(h5py, group, key)
            if key == _VARIABLES and len(one):
                arrays = tuple(_numbers(h5py, one, str(index)) for index in range(len(one)))
                yield _word(one.attrs.get("name", path)), arrays
            elif isinstance(one, h5py.Group):
                waiting.append((f"{path}/{key}", one, depth + 1))


def _member(h5py: Any, group: Any, name: str) -> Any:
    """What lies there under a path of names; no step may be a link."""
    for step in name.split("/"):
        if not isinstance(group.get(step, getlink=True), h5py.HardLink):
            raise NotWeights(f"lacks {name[:80]}, or has a link in its place")
        group = group[step]
    return group


def _numbers(h5py: Any, group: Any, name: str) -> Any:
    one = _member(h5py, group, name)
    if not isinstance(one, h5py.Dataset) or one.external or one.is_virtual or one.chunks is not None:
        raise NotWeights(f"has {name[:80]}, which does not lie in it as plain numbers")
    if one.dtype.kind != "f" or one.nbytes > one.id.get_storage_size():
        raise NotWeights(f"has {name[:80]} of {one.dtype}, which are no weights, or has less of them than it says")
    return np.asarray(one)


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
