"""Weights files of PyTorch, made here by hand: tensors are read, and nothing else is obeyed."""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from classifier.backbones.torch_file import NotTensors, read_tensors

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def _rebuild_tensor_v2(*parts: Any) -> Any:
    raise AssertionError("is only named, never called")


class _Storage:
    def __init__(self, key: str, count: int) -> None:
        self.key, self.count = key, count


class _Tensor:
    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.parts = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> Any:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


class FloatStorage: ...


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        kind = sys.modules["torch"].FloatStorage
        return ("storage", kind, value.key, "cpu", value.count, None) if isinstance(value, _Storage) else None


@pytest.fixture(autouse=True)
def names_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As much of PyTorch as a pickle names."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for module, one in ((utils, _rebuild_tensor_v2), (torch, FloatStorage)):
        monkeypatch.setattr(one, "__module__", module.__name__)
        setattr(module, one.__name__, one)
        monkeypatch.setitem(sys.modules, module.__name__, module)


def _file(tensors: Mapping[str, Any], numbers: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    stream = io.BytesIO()
    for value in (_MAGIC, _PROTOCOL, {"little_endian": True}):
        pickle.dump(value, stream, protocol=2)
    _Pickler(stream, protocol=2).dump(OrderedDict(tensors))
    pickle.dump(list(numbers), stream, protocol=2)
    for values in numbers.values():
        stream.write(len(values).to_bytes(8, "little") + values.astype("<f4").tobytes())
    return stream.getvalue()


def test_tensors_are_read_by_name_whatever_order_their_numbers_lie_in() -> None:
    numbers = np.arange(12, dtype=np.float32)
    storage = _Storage("1", 12)
    rows, columns = _Tensor(storage, 0, (2, 3), (3, 1)), _Tensor(storage, 6, (3, 2), (1, 3))

    found = read_tensors(_file({"rows": rows, "columns": columns}, {"1": numbers}))

    assert found["rows"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["columns"].tolist() == [[6, 9], [7, 10], [8, 11]]


def test_a_file_that_asks_for_anything_but_tensors_is_refused_before_it_is_obeyed() -> None:
    class Order:
        def __reduce__(self) -> Any:
            return os.getcwd, ()

    with pytest.raises(NotTensors, match="getcwd, which is no tensor"):
        read_tensors(_file({"weights": Order()}, {}))


@pytest.mark.parametrize(
    ("offset", "shape", "strides"), [(7, (2, 3), (3, 1)), (0, (2, 3), (-3, 1)), (0, (2, 3), (3,)), (0, (9, 9), (0, 0))]
)
def test_a_tensor_beyond_its_numbers_is_refused(offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    tensor = _Tensor(_Storage("1", 12), offset, shape, strides)

    with pytest.raises(NotTensors):
        read_tensors(_file({"weights": tensor}, {"1": np.zeros(12, np.float32)}))


@pytest.mark.parametrize("kept", [0, 10, 60, -40, -4])
def test_a_cut_file_is_refused(kept: int) -> None:
    whole = _file({"rows": _Tensor(_Storage("1", 12), 0, (12,), (1,))}, {"1": np.zeros(12, np.float32)})

    with pytest.raises(NotTensors):
        read_tensors(whole[:kept])
