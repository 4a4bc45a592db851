"""The pretrained backbone for one gallery: look at its pictures once, and find which numbers vary together there.

Looking is done by the light interpreter, several times faster than the library that the network is built with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.backbones import efficientnet_lite0, folded_network, pretrained
from classifier.inference.backends import LiteRtNetwork
from classifier.inference.runtime import Runtime, RuntimeSettings
from classifier.package import half_precision
from classifier.package.export import export_backbone
from classifier.package.package import BackboneFiles
from classifier.pictures.preprocessing import Pixels, Preprocessing

_BATCH = 64  # pictures between two reports


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A gallery's pictures as the pretrained backbone sees them."""

    backbone: Any  # keras.Model: pictures -> (n, kept), without normalisation, as its file holds it
    projection: pretrained.Projection
    embeddings: Float32Array  # (n, kept)


def describe(
    pictures: Pixels,
    *,
    kept: int = pretrained.KEPT,
    projection: pretrained.Projection | None = None,
    seed: int = 0,
    report: Callable[[float], None] = lambda _: None,
) -> Described:
    """Build the backbone and look at every picture.

    Args:
        pictures: prepared, shape (n, size, size, 3).
        kept: numbers of the embedding.
        projection: onto the embedding; None: it is fitted on these pictures.
        seed: of the choice of pictures that the projection is fitted on.
        report: share that is done, 0..1.

    Raises:
        DeviceError: the package with the published weights is missing.
    """
    raw = folded_network.folded(pretrained.raw(pictures.shape[1], efficientnet_lite0.published_weights()))
    half_precision.round_weights(raw)  # as its file will hold them
    with tempfile.TemporaryDirectory(prefix="boorusieve-") as folder:
        numbers, _ = looked_at(raw, pictures, Path(folder), report=report)
    if projection is None:
        projection = pretrained.fitted_projection(numbers, kept=kept, seed=seed)
    embeddings = numbers @ projection.weights + projection.bias
    return Described(pretrained.projected(raw, projection), projection, embeddings)


def looked_at(
    network: Any, pictures: Pixels, folder: Path, *, report: Callable[[float], None] = lambda _: None
) -> tuple[Float32Array, BackboneFiles]:
    """What a Keras network says of each picture, shape (n, d), by the light interpreter where it can be exported.

    Args:
        network: from pictures, 0..255, to numbers.
        pictures: prepared, shape (n, size, size, 3).
        folder: for the network's files.
        report: share that is done, 0..1.

    Returns:
        The numbers, and the network's files in the folder.
    """
    files = export_backbone(
        network, folder, name="measured", preprocessing=Preprocessing(pictures.shape[1]), halved=True
    )
    light = files.runtimes.get("litert")
    if light is None:
        return np.asarray(network.predict(pictures.astype(np.float32), batch_size=_BATCH, verbose=0)), files
    runtime = Runtime(LiteRtNetwork(light, RuntimeSettings()))
    parts = []
    for start in range(0, len(pictures), _BATCH):
        parts.append(runtime.embed(np.ascontiguousarray(pictures[start : start + _BATCH])))
        report(min(1.0, (start + _BATCH) / len(pictures)))
    return np.concatenate(parts), files
