"""A layers model of TensorFlow.js: `model.json` and shards of raw numbers, as files or as bundles for browsers.

Numbers may be stored as 8 or 16 bits of whole numbers, `value = number * scale + min`, or as half precision.

Source: tfjs-converter, `write_weights.py` and `quantization.py`.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.package.bounded_json import read_json
from classifier.weights.javascript_literal import exported
from classifier.weights.layer_arrays import ROLES, Array, LayerArrays, NotWeights

_PLAIN, _BUNDLED = "model.json", "model.min.js"
_SHARD_BUNDLE = ".min.js"
_STORED = {"float32": "<f4", "int32": "<i4", "uint8": "u1", "uint16": "<u2", "float16": "<f2"}
_QUANTISED = frozenset({"uint8", "uint16"})
_MOST_WEIGHTS = 10_000
_MOST_AXES = 6


@dataclass(frozen=True, slots=True, eq=False)
class TfjsModel:
    """What the files hold."""

    layers: LayerArrays
    topology: Mapping[str, Any]  # as Keras described the model when it was converted


def read_model(files: Mapping[str, bytes]) -> TfjsModel:
    """The arrays of a model and its description.

    Args:
        files: of the model's folder, by name.

    Raises:
        NotWeights: a file is missing, or is not what the description says.
    """
    description = _description(files)
    topology, manifest = description.get("modelTopology"), description.get("weightsManifest")
    if not isinstance(topology, dict) or not isinstance(manifest, list):
        raise NotWeights("describes no layers model of TensorFlow.js")
    arrays: dict[str, Array] = {}
    for group in manifest:
        arrays |= _group(group, files)
    return TfjsModel(_by_layer(arrays), topology)


def _description(files: Mapping[str, bytes]) -> Mapping[str, Any]:
    if _PLAIN in files:
        try:
            value = read_json(files[_PLAIN])
        except ValueError as error:
            raise NotWeights(f"has a {_PLAIN} that is none: {error}") from error
    elif _BUNDLED in files:
        value = exported(_text(files[_BUNDLED]))
    else:
        raise NotWeights(f"has neither {_PLAIN} nor {_BUNDLED}")
    if not isinstance(value, dict):
        raise NotWeights("describes no model")
    return value


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise NotWeights("is no text in UTF-8") from error


def _group(group: Any, files: Mapping[str, bytes]) -> dict[str, Array]:
    """The arrays of one group: one after the other in its shards, put together."""
    try:
        paths, specs = [str(path) for path in group["paths"]], list(group["weights"])
    except (TypeError, KeyError) as error:
        raise NotWeights("has a list of weights without paths") from error
    if len(specs) > _MOST_WEIGHTS:
        raise NotWeights(f"has more than {_MOST_WEIGHTS} weights")
    numbers = b"".join(_shard(path, files) for path in paths)
    arrays: dict[str, Array] = {}
    at = 0
    for spec in specs:
        name, array, size = _array(spec, numbers, at)
        if name in arrays:
            raise NotWeights(f"has {name[:80]} twice")
        arrays[name], at = array, at + size
    if at != len(numbers):
        raise NotWeights(f"has {len(numbers)} bytes of weights where its list says {at}")
    return arrays


def _shard(path: str, files: Mapping[str, bytes]) -> bytes:
    if path in files:
        return files[path]
    bundle = files.get(path + _SHARD_BUNDLE)
    if bundle is None:
        raise NotWeights(f"lacks its file {path[:80]}")
    text = exported(_text(bundle))
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise NotWeights(f"has a file {path[:80]} that is not in base64") from error


def _array(spec: Any, numbers: bytes, at: int) -> tuple[str, Array, int]:
    """The name of an array, its values, and how many bytes it took."""
    try:
        name, shape, dtype = str(spec["name"]), [int(side) for side in spec["shape"]], str(spec["dtype"])
        packed = spec.get("quantization") or {}
        stored = str(packed.get("dtype", dtype))
        scale, least = float(packed.get("scale", 1.0)), float(packed.get("min", 0.0))
        kind, value_kind = np.dtype(_STORED[stored]), np.dtype(_STORED[dtype])
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise NotWeights(f"has a weight of no known form: {str(spec)[:120]}") from error
    size = math.prod(shape) * kind.itemsize
    if len(shape) > _MOST_AXES or min(shape, default=0) < 0 or not 0 <= size <= len(numbers) - at:
        raise NotWeights(f"says that {name[:80]} has the shape {shape}, which is more than it has")
    values: Array = np.frombuffer(numbers, kind, math.prod(shape), at).reshape(shape)
    if stored in _QUANTISED and packed:
        values = values.astype(np.float32) * np.float32(scale) + np.float32(least)
    return name, values.astype(value_kind), size


def _by_layer(arrays: Mapping[str, Array]) -> LayerArrays:
    """The arrays of each layer in Keras' order; a name is `layer/role`."""
    layers: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        layer, _, role = name.rpartition("/")
        if role not in ROLES:
            raise NotWeights(f"has a weight {name[:80]}, which no layer known here has")
        layers.setdefault(layer, {})[role] = array
    return {layer: tuple(by_role[role] for role in ROLES if role in by_role) for layer, by_role in layers.items()}
