"""Arrays from an `.npz` file that may come from anybody: plain numbers of expected shapes, no larger than the file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.package.zip_members import NotOurArchive, members

_HEADER_LIMIT = 1000  # bytes


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """What an array must be."""

    dtype: str  # as NumPy writes it: <f4
    ndim: int


def read_arrays(
    content: bytes, expected: Mapping[str, ArraySpec], optional: Mapping[str, ArraySpec] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an `.npz` file.

    Args:
        content: of the file.
        expected: names that it must have, and no others.
        optional: names that it may have besides; those that it lacks are not in the answer.

    Raises:
        ValueError: it is no such file; says why.
    """
    besides = optional or {}
    names = [[f"{name}.npy" for name in specs] for specs in (expected, besides)]
    found = members(io.BytesIO(content), len(content), *names)
    arrays = {}
    for name, spec in {**expected, **besides}.items():
        if (member := found.get(f"{name}.npy")) is None:
            continue
        arrays[name] = _array(name, content[member.start : member.start + member.size], spec)
    return arrays


def _array(name: str, content: bytes, spec: ArraySpec) -> npt.NDArray[Any]:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=_HEADER_LIMIT)
    except (ValueError, TypeError, SyntaxError, EOFError, RecursionError, MemoryError) as error:
        raise NotOurArchive(f"{name} is not an array: {str(error)[:200]}") from error
    if dtype.str != spec.dtype or len(shape) != spec.ndim or (fortran and spec.ndim > 1):
        raise NotOurArchive(f"{name} is {dtype.str} of shape {shape}, expected {spec.dtype} with {spec.ndim} axes")
    values = content[stream.tell() :]
    count = 1
    for side in shape:  # of Python's numbers: NumPy's would overflow
        count *= side
    if any(side < 0 for side in shape) or count * dtype.itemsize != len(values):
        raise NotOurArchive(f"{name} says shape {shape}, but has {len(values)} bytes")
    return np.frombuffer(values, dtype=dtype).reshape(shape)
