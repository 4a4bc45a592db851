"""What runs a backbone, whichever library does the arithmetic.

A `NetworkBackend` computes batches of a few fixed shapes, because every runtime here plans its memory per shape.
`Runtime` makes any number of pictures fit: it pads, splits, and when memory runs out it gives up the largest shape and
goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array
from classifier.errors import DeviceError

Pixels = npt.NDArray[np.uint8]

DEVICES = ("auto", "cpu", "gpu")
RUNTIMES = ("auto", "litert", "openvino", "keras")


class NetworkBackend(Protocol):
    """A loaded backbone."""

    name: str  # of the runtime: litert | openvino | keras …
    device: str  # cpu | gpu, and what it is called
    shapes: tuple[int, ...]  # batch sizes that it can compute, rising
    pads: bool  # whether a padded batch is cheaper than several exact ones: true on a GPU

    def infer(self, batch: Pixels) -> Float32Array:
        """Embeddings (n, d) of pictures (n, size, size, 3), where n is one of `shapes`.

        Raises:
            MemoryError: the device has too little memory for this shape.
            DeviceError: it fails in any other way.
        """
        ...


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """What to run on."""

    device: str = "auto"  # one of DEVICES
    runtime: str = "auto"  # one of RUNTIMES
    threads: int = 0  # of a CPU runtime; 0: as many as there are cores, at most 4
    shapes: tuple[int, ...] = ()  # batch sizes, rising; empty: what suits the runtime
    mixed_precision: bool = True  # on a GPU: half precision where the canaries agree
    check_networks: bool = False  # look into the Keras files even where they are not loaded: before an import

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {self.device!r}")
        if self.runtime not in RUNTIMES:
            raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, got {self.runtime!r}")
        if list(self.shapes) != sorted({*self.shapes}) or any(shape < 1 for shape in self.shapes):
            raise ValueError(f"shapes must be rising batch sizes, got {self.shapes}")


class Runtime:
    """A network that takes any number of pictures."""

    def __init__(self, network: NetworkBackend) -> None:
        self._network = network
        self._shapes = list(network.shapes)

    @property
    def name(self) -> str:
        """Of the runtime: litert, openvino, keras …"""
        return self._network.name

    @property
    def device(self) -> str:
        """Where it runs: cpu or gpu, and what that is called."""
        return self._network.device

    @property
    def largest(self) -> int:
        """Pictures that it takes at once at present."""
        return self._shapes[-1]

    def embed(self, batch: Pixels) -> Float32Array:
        """Embeddings (n, d), float32, of pictures (n, size, size, 3), uint8 RGB; any n from 1.

        Raises:
            DeviceError: it fails even for one picture at a time.
        """
        if batch.ndim != 4 or batch.shape[3] != 3 or batch.dtype != np.uint8 or not len(batch):
            raise ValueError(f"expected uint8 RGB of shape (n, size, size, 3), got {batch.dtype} {batch.shape}")
        parts: list[Float32Array] = []
        at = 0
        while at < len(batch):
            shape = fitting_shape(len(batch) - at, self._shapes, pads=self._network.pads)
            piece = batch[at : at + shape]
            try:
                parts.append(self._network.infer(padded(piece, shape))[: len(piece)])
            except MemoryError as error:
                self._give_up(shape, error)
                continue
            at += len(piece)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def warm_up(self, size: int) -> None:
        """Compute each shape once, so that no picture pays for planning; shapes that do not fit are given up."""
        for shape in list(self._shapes):
            if shape in self._shapes:
                self.embed(np.zeros((shape, size, size, 3), np.uint8))

    def _give_up(self, shape: int, error: MemoryError) -> None:
        """Never try this shape or a larger one again; make sure that half of it is there."""
        if shape == 1:
            raise DeviceError(f"{self.device} has no memory for a single picture: {error}") from error
        self._shapes = sorted({*(each for each in self._shapes if each < shape), shape // 2})


def fitting_shape(count: int, shapes: Sequence[int], *, pads: bool) -> int:
    """The batch size to take next for `count` waiting pictures: the next larger one, or the next smaller one."""
    larger = min((shape for shape in shapes if shape >= count), default=shapes[-1])
    return larger if pads else max((shape for shape in shapes if shape <= count), default=larger)


def padded(batch: Pixels, shape: int) -> Pixels:
    """The batch with black pictures behind it until it has the shape."""
    if len(batch) == shape:
        return batch
    whole = np.zeros((shape, *batch.shape[1:]), np.uint8)
    whole[: len(batch)] = batch
    return whole
