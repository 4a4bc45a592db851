"""Which runtime a model gets on this machine, and the proof that it scores there as it did where it was made.

A candidate counts only when the package's canary pictures, decoded and embedded here, give the stored scores. That
finds swapped outputs, other preprocessing and too little precision alike, before a single real picture is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray
from classifier.errors import CanaryError, DeviceError, PackageError, PictureFault
from classifier.inference import backends
from classifier.inference.runtime import NetworkBackend, Runtime, RuntimeSettings
from classifier.package.canaries import Canaries
from classifier.pictures.preprocessing import Preprocessing, picture_array, sniff

SCORE_TOLERANCE = 1e-3  # between any two runtimes
EMBEDDING_TOLERANCE = 0.02  # of the embedding's length: half precision stays under a tenth of it, other pixels do not

Candidate = Callable[[], NetworkBackend]


class _Head(Protocol):
    def probabilities(self, embeddings: npt.NDArray[np.float32]) -> FloatArray:
        """Of embeddings, shape (n, d): (n,) of one target, (n, classes) of a recogniser."""
        ...


class ScoredPackage(Protocol):
    """A package of either kind, as far as its network is concerned."""

    @property
    def folder(self) -> Path: ...
    @property
    def backbone_hash(self) -> str: ...
    @property
    def light_only(self) -> bool: ...  # whether only the light interpreter can run it
    @property
    def keras(self) -> Path: ...
    @property
    def runtimes(self) -> Mapping[str, Path]: ...
    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def dimension(self) -> int: ...
    @property
    def canaries(self) -> Canaries: ...
    @property
    def head(self) -> _Head: ...


def choose_runtime(packages: Sequence[ScoredPackage], settings: RuntimeSettings) -> Runtime:
    """The best runtime for the backbone that these packages share, warm and checked with all their canaries.

    Raises:
        CanaryError: a package does not give its stored scores on any of the candidates.
        DeviceError: no candidate can be loaded.
        PackageError: a canary picture cannot be decoded.
    """
    canaries = [canary_pictures(package) for package in packages]
    failures: list[CanaryError | DeviceError] = []
    for candidate in candidates(packages[0], settings):
        try:
            runtime = Runtime(candidate())
            runtime.warm_up(packages[0].preprocessing.size)
            for package, pictures in zip(packages, canaries, strict=True):
                check_canaries(package, runtime.embed(pictures), runtime.name)
        except (CanaryError, DeviceError) as failure:
            failures.append(failure)
            continue
        return runtime
    raise failures[-1]


def check_canaries(package: ScoredPackage, embeddings: npt.NDArray[np.float32], runtime: str) -> None:
    """Compare what the canary pictures give here with what they gave where the package was made.

    Raises:
        CanaryError: they differ by more than rounding.
    """
    expected = package.canaries.embeddings.astype(np.float64)
    if embeddings.shape != expected.shape:
        raise CanaryError(f"{package.folder}: the network gives {embeddings.shape}, expected {expected.shape}")
    scores = package.head.probabilities(embeddings)
    off = float(np.abs(scores - package.canaries.scores).max())
    length = np.linalg.norm(expected, axis=1) + 1e-6
    turned = float((np.linalg.norm(embeddings - expected, axis=1) / length).max())
    if off <= SCORE_TOLERANCE and turned <= EMBEDDING_TOLERANCE:  # false for not-a-number too
        return
    cause = (
        "the network sees other pictures than it was trained on (preprocessing or weights differ)"
        if not turned <= EMBEDDING_TOLERANCE
        else "the head is not the one that these scores were made with"
    )
    raise CanaryError(
        f"{package.folder}: its canary pictures score up to {off:.4f} off on {runtime}: {cause}; "
        "nothing is scored with it, train the target again"
    )


def canary_pictures(package: ScoredPackage) -> npt.NDArray[np.uint8]:
    """A package's canary pictures as its network takes them, shape (k, size, size, 3).

    Raises:
        PackageError: one is no PNG, or cannot be decoded.
    """
    if any(sniff(picture) != "PNG" for picture in package.canaries.pictures):
        raise PackageError(f"{package.folder}: a canary picture is not a PNG")
    try:
        return np.stack([picture_array(picture, package.preprocessing) for picture in package.canaries.pictures])
    except PictureFault as fault:
        raise PackageError(f"{package.folder}: a canary picture cannot be decoded here: {fault}") from fault


def candidates(package: ScoredPackage, settings: RuntimeSettings) -> list[Candidate]:
    """Ways to run a package's backbone, the best first; each loads its library only when called.

    A later one is a fallback for when an earlier one is not there, or not precise enough on this machine.

    Raises:
        PackageError: the runtime that is asked for needs a file that the package does not carry.
    """
    if package.light_only and settings.device == "auto" and settings.runtime == "auto":
        return [partial(backends.LiteRtNetwork, package.runtimes["litert"], settings)]
    on_cpu = [_cpu_candidate(package, settings)]
    if settings.runtime not in {"auto", "keras"} or settings.device == "cpu":
        return on_cpu
    on_gpu = [_keras(package, settings, gpu=True, mixed=mixed) for mixed in (True, False)]
    if not settings.mixed_precision:
        del on_gpu[0]
    if settings.device == "gpu":
        return on_gpu
    return [*on_gpu, *on_cpu] if backends.gpu_in_sight() else on_cpu


def _cpu_candidate(package: ScoredPackage, settings: RuntimeSettings) -> Candidate:
    light = package.runtimes.get("litert")
    if settings.runtime == "keras" or (settings.runtime == "auto" and light is None):
        return _keras(package, settings, gpu=False, mixed=False)
    if light is None:
        raise PackageError(f"{package.folder} carries no light network; score it with the keras runtime")
    if settings.runtime == "openvino":
        return partial(backends.OpenVinoNetwork, light, settings)
    return partial(backends.LiteRtNetwork, light, settings)


def _keras(package: ScoredPackage, settings: RuntimeSettings, *, gpu: bool, mixed: bool) -> Candidate:
    return partial(backends.KerasNetwork, package.keras, settings, gpu=gpu, mixed=mixed)
