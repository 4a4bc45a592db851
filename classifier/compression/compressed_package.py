"""From a compressed network to a package: files, a head that answers as the parent does, check pictures.

The round that asked for it replaces the head by one of its own, calibrated and measured anew on the gallery; this one
lets the package be loaded, checked and looked with until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.compression.job import CompressionJob, ParentAnswers
from classifier.head import Head
from classifier.heads.logistic_head import WeightedExamples, fit_head, starting_head
from classifier.inference.backends import KerasNetwork, LiteRtNetwork
from classifier.inference.runtime import NetworkBackend, Runtime, RuntimeSettings
from classifier.package.package import BackboneFiles, Canary, Package, PackageParts, write_package
from classifier.pictures.png_file import png
from classifier.pictures.preprocessing import Pixels
from classifier.training.history import FILE as HISTORY
from classifier.training.history import TrainingHistory
from classifier.training.packager import CANARIES

_MOST = 2000  # pictures that the head is fitted to
_L2 = 1.0
_BATCH = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compressed:
    """A network that was made smaller."""

    files: BackboneFiles
    facts: Mapping[str, Any]  # what was done, for people and programs; plain values
    taught: Mapping[str, Any]  # what its training took, as packages remember it; empty: none
    history: TrainingHistory | None = None  # of its training; None: there was none


def pack(
    folder: Path, job: CompressionJob, parent: Package, found: tuple[Compressed, Pixels, ParentAnswers]
) -> dict[str, Any]:
    """Write the package at a folder; gives plain values: where it is, and what was done.

    Args:
        folder: that does not exist yet.
        job: what was asked for.
        parent: that was compressed.
        found: the network, the pictures, and what the parent says of them.
    """
    compressed, pictures, answers = found
    train = np.flatnonzero(answers.train)
    chosen = np.sort(np.random.default_rng(job.settings.seed).permutation(train)[:_MOST])
    embeddings = embedded(compressed.files, pictures[chosen])
    share = answers.scores[chosen]
    start = starting_head(compressed.files.dimension, None)
    linear = fit_head(WeightedExamples.of(embeddings, share), _L2, start)
    head = Head(linear.weights.astype(np.float32), linear.bias)
    shown = np.argsort(share, kind="stable")[np.unique(np.linspace(0, len(share) - 1, CANARIES).round().astype(int))]
    parts = PackageParts(
        target=str(parent.target),
        backbone=compressed.files,
        head=head,
        threshold=parent.threshold,
        canaries=[Canary(png(pictures[chosen[row]]), embeddings[row]) for row in shown.tolist()],
        snapshot={**job.snapshot, **({"taught": dict(compressed.taught)} if compressed.taught else {})},
        report={} if compressed.history is None else {HISTORY: compressed.history.to_bytes()},
    )
    facts = write_package(folder, parts)
    sizes = {
        "bytes": _main_file(compressed.files).stat().st_size,
        "parent_bytes": _main_file(parent.backbone).stat().st_size,
    }
    return {"folder": str(folder), "hash": facts.hash, "facts": {**compressed.facts, **sizes}}


def embedded(files: BackboneFiles, pictures: Pixels) -> Float32Array:
    """Embeddings, shape (n, d), by the runtime that a crawl would take on a processor."""
    runtime = Runtime(_network(files))
    parts = [runtime.embed(np.ascontiguousarray(pictures[at : at + _BATCH])) for at in range(0, len(pictures), _BATCH)]
    return np.concatenate(parts)


def _network(files: BackboneFiles) -> NetworkBackend:
    if "litert" in files.runtimes:
        return LiteRtNetwork(files.runtimes["litert"], RuntimeSettings())
    return KerasNetwork(_main_file(files), RuntimeSettings(), gpu=False, mixed=False)


def _main_file(files: BackboneFiles) -> Path:
    """The file that a crawl scores with."""
    file = files.runtimes.get("litert", files.keras)
    if file is None:
        raise ValueError(f"the network {files.name} has no file")
    return file
