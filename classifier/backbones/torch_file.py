"""Reads the tensors of a PyTorch weights file (`.pth`) without PyTorch.

Such a file is a row of pickles, and a pickle may call anything. Here a name is looked up in a list of four, so that a
file which asks for anything but tensors is refused before it is obeyed. Only the older form is read, in which the raw
numbers follow the pickles: it is what EfficientNet-Lite0 is published in.

Source: `torch.serialization._legacy_load` describes the form.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MOST_NUMBERS = 1 << 26  # of one tensor
_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class NotTensors(ValueError):
    """The file is no plain list of tensors; the message says what it holds instead."""


@dataclass(slots=True)
class _Storage:
    """Numbers that come later in the file."""

    key: str
    dtype: np.dtype[Any]
    count: int


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor: a window on a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(content: bytes) -> Mapping[str, Array]:
    """Every tensor of the file by its name.

    Raises:
        NotTensors: it is another kind of file, is cut short, or asks for anything but tensors.
    """
    stream = io.BytesIO(content)
    try:
        if _plain(stream) != _MAGIC or _plain(stream) != _PROTOCOL:
            raise NotTensors("it is not a PyTorch weights file of the older form")
        _plain(stream)  # of the machine that wrote it
        views = _Tensors(stream).load()
        keys = _plain(stream)
        if not isinstance(views, OrderedDict) or not isinstance(keys, list):
            raise NotTensors("it holds no list of named tensors")
        numbers = _numbers(stream, keys, {view.storage.key: view.storage for view in _checked(views).values()})
        return {str(name): _array(view, numbers) for name, view in views.items()}
    except NotTensors:
        raise
    except Exception as error:  # a damaged pickle may fail in any way
        raise NotTensors(f"it cannot be read: {type(error).__name__}: {str(error)[:200]}") from error


class _Plain(pickle.Unpickler):
    """Numbers, text, lists and dictionaries."""

    def find_class(self, module: str, name: str) -> Any:
        raise NotTensors(f"it asks for {module}.{name}, which is no tensor")


class _Tensors(_Plain):
    """These, and tensors."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _view
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _place, count = pid[:5]
        if kind != "storage" or not isinstance(dtype, np.dtype) or not 0 <= int(count) <= _MOST_NUMBERS:
            raise NotTensors(f"it holds a {str(kind)[:40]} of {count} numbers, which is no tensor")
        return _Storage(str(key), dtype, int(count))


def _view(storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_rest: Any) -> _View:
    if not isinstance(storage, _Storage):
        raise NotTensors("a tensor has no numbers")
    return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _plain(stream: io.BytesIO) -> Any:
    return _Plain(stream).load()


def _checked(views: Mapping[Any, Any]) -> Mapping[Any, _View]:
    if not all(isinstance(view, _View) for view in views.values()):
        raise NotTensors("it holds more than tensors")
    return views


def _numbers(stream: io.BytesIO, keys: list[Any], storages: Mapping[str, _Storage]) -> Mapping[str, Array]:
    tensors: dict[str, Array] = {}
    for key in map(str, keys):
        count = int.from_bytes(stream.read(8), "little", signed=True)
        storage = storages.get(key)
        if storage is None or count != storage.count:
            raise NotTensors(f"the numbers of {key[:40]} do not belong to a tensor")
        raw = stream.read(count * storage.dtype.itemsize)
        tensors[key] = np.frombuffer(raw, storage.dtype, count)
    return tensors


def _array(view: _View, numbers: Mapping[str, Array]) -> Array:
    """The tensor, in rows; its numbers may lie in another order, as they do where another library made them."""
    if len(view.shape) != len(view.strides) or min((0, view.offset, *view.shape, *view.strides)) < 0:
        raise NotTensors(f"a tensor has the shape {view.shape} and the strides {view.strides}")
    last = view.offset + sum((side - 1) * stride for side, stride in zip(view.shape, view.strides, strict=True))
    if last >= view.storage.count or int(np.prod(view.shape, dtype=np.float64)) > view.storage.count:
        raise NotTensors(f"a tensor of shape {view.shape} reaches beyond its {view.storage.count} numbers")
    flat = numbers[view.storage.key][view.offset :]
    strides = [stride * flat.itemsize for stride in view.strides]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, view.shape, strides, writeable=False))
