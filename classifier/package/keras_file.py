"""A `.keras` file that may come from anybody: layers of Keras' own that run no code of the file's, and plain weights.

Keras itself refuses most of what could be hidden in such a file; here it is refused before Keras sees it:
`check_description` looks at the archive and the layers; `check_network` at the weights too, which needs HDF5, so it
belongs into a process of its own. No package is imported, and no network loaded, without.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from classifier.errors import DeviceError, PackageError
from classifier.package.bounded_json import read_json
from classifier.package.zip_members import Member, NotOurArchive, members
from system.regular_files import open_regular

MOST_BYTES = 4 * 1024**3 - 1
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = ("metadata.json", _CONFIG, _WEIGHTS)
_CONFIG_LIMIT = 16 * 1024 * 1024  # bytes
_MODULES = frozenset(
    {
        *("keras", "keras.activations", "keras.constraints", "keras.initializers", "keras.layers", "keras.models"),
        *("keras.regularizers", "keras.dtype_policies"),
        *("keras.src.models.functional", "keras.src.models.model", "keras.src.models.sequential"),
        *("keras.src.ops.core", "keras.src.ops.image", "keras.src.ops.math", "keras.src.ops.nn", "keras.src.ops.numpy"),
    }
)
_WITHOUT_MODULE = frozenset({"__keras_tensor__", "__numpy__", "__slice__", "__tuple__"})
_RUN_CODE_OR_READ_FILES = frozenset(
    {
        *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
        *("StringLookup", "IntegerLookup", "TextVectorization", "HashedCrossing"),
    }
)
_SIZES = frozenset(  # settings of layers that say how many weights or numbers there are
    {
        *("units", "filters", "kernel_size", "pool_size", "input_dim", "output_dim", "num_heads", "key_dim"),
        *("batch_shape", "target_shape", "depth_multiplier", "padding", "size"),
    }
)
_LARGEST_SIZE = 65_536
_OF_WEIGHTS = ("units", "filters", "kernel_size", "input_dim", "output_dim", "num_heads", "key_dim", "depth_multiplier")
_MOST_NUMBERS = MOST_BYTES // 4  # of all layers together: more than a file may hold
_MOST_WEIGHTS = 100_000  # arrays and groups


def check_description(path: Path) -> None:
    """Check all but the weights.

    Raises:
        PackageError: it is no network as we write them; says why.
    """
    with _opened(path) as file:
        try:
            config = _members(file)[_CONFIG]
            if config.size > _CONFIG_LIMIT:
                raise NotOurArchive(f"{_CONFIG} has {config.size} bytes")
            file.seek(config.start)
            together = 0
            for layer in _described(read_json(_exactly(file, config.size))):
                _check_layer(layer)
                together += _numbers(layer)
            if together > _MOST_NUMBERS:
                raise ValueError(f"its layers say that they have {together} weights, the limit is {_MOST_NUMBERS}")
        except ValueError as error:
            raise PackageError(f"{path} is refused: {error}; only plain networks of Keras are taken") from error


def check_network(path: Path) -> None:
    """Check the description, and that the weights are plain numbers within the file: no link, nothing that unpacks.

    Raises:
        PackageError: it is no network as we write them; says why.
    """
    import h5py

    check_description(path)
    with _opened(path) as file:
        try:
            member = _members(file)[_WEIGHTS]
            with h5py.File(_Window(file, member), "r") as weights:
                _check_group(h5py, weights, member.size)
        except (ValueError, OSError, KeyError, RuntimeError, TypeError) as error:
            raise PackageError(f"{path} is refused: {error}; only plain weights are taken") from error


def loaded_network(file: Path) -> Any:
    """A network, from float32 RGB 0..255 to embeddings.

    Raises:
        PackageError: the file is none of ours.
        DeviceError: Keras refuses it.
    """
    import keras

    check_network(file)
    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # a network that somebody else described may fail anywhere within Keras
        words = " ".join(str(error).split())
        raise DeviceError(f"Keras refuses {file}: {type(error).__name__}: {words[:300]}") from error


def _opened(path: Path) -> BinaryIO:
    try:
        return open_regular(path, MOST_BYTES, links=False)
    except OSError as error:
        raise PackageError(f"{path} cannot be read: {error.strerror or error}") from error


def _members(file: BinaryIO) -> dict[str, Member]:
    return members(file, file.seek(0, io.SEEK_END), _MEMBERS)


def _exactly(file: BinaryIO, size: int) -> bytes:
    pieces = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _described(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the description, however deep."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _check_layer(layer: dict[str, Any]) -> None:
    for name in _SIZES & layer.keys():
        if any(size > _LARGEST_SIZE for size in _whole_numbers(layer[name])):
            raise ValueError(f"a layer has {name} {str(layer[name])[:80]}, the limit is {_LARGEST_SIZE}")
    if "class_name" not in layer:
        return
    name, module, registered = layer["class_name"], layer.get("module"), layer.get("registered_name")
    known = name in _WITHOUT_MODULE if module is None else module in _MODULES
    if not isinstance(name, str) or not known or registered not in (None, name):
        raise ValueError(f"it wants {str(module)[:80]}.{str(name)[:80]}, which is none of Keras' own layers")
    if name in _RUN_CODE_OR_READ_FILES:
        raise ValueError(f"it has a layer {name}, which runs code or reads files of its own")


def _numbers(layer: dict[str, Any]) -> int:
    """About how many weights a layer says that it has: its own sizes, times the width of what goes into it."""
    config, built = layer.get("config"), layer.get("build_config")
    sizes = [one for name in _OF_WEIGHTS if isinstance(config, dict) for one in _whole_numbers(config.get(name))]
    if not sizes:
        return 0
    shape = built.get("input_shape") if isinstance(built, dict) else None
    widths = list(_whole_numbers(shape[-1:])) if isinstance(shape, list) else []
    return prod(max(1, one) for one in (*sizes, *widths))


def _whole_numbers(value: Any) -> Iterator[int]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, list):
            yield from _whole_numbers(one)
        elif isinstance(one, int):
            yield one


def _check_group(h5py: Any, root: Any, most: int) -> None:
    """Hard links only, to arrays of numbers that lie in the file as they are."""
    waiting, seen, together = [root], 0, 0
    while waiting:
        group = waiting.pop()
        for name in group:
            seen += 1
            if seen > _MOST_WEIGHTS:
                raise ValueError(f"it has more than {_MOST_WEIGHTS} weights")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ValueError(f"{name!r} is a link, perhaps to another file")
            one = group[name]
            if isinstance(one, h5py.Group):
                waiting.append(one)
            else:
                together += _array_bytes(h5py, name, one)
    if together > most:
        raise ValueError(f"its weights unpack to {together} bytes, more than the file has")


def _array_bytes(h5py: Any, name: str, one: Any) -> int:
    if not isinstance(one, h5py.Dataset) or one.external or one.is_virtual or one.chunks is not None:
        raise ValueError(f"{name!r} does not lie in the file as plain numbers")
    if one.dtype.kind not in "fiub":
        raise ValueError(f"{name!r} holds no numbers but {one.dtype}")
    return int(one.nbytes)


class _Window(io.RawIOBase):
    """The bytes of a member as a file of their own."""

    def __init__(self, file: BinaryIO, member: Member) -> None:
        self._file, self._member, self._at = file, member, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._member.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = max(0, min(len(view), self._member.size - self._at))
        self._file.seek(self._member.start + self._at)
        content = _exactly(self._file, wanted)
        view[: len(content)] = content
        self._at += len(content)
        return len(content)
