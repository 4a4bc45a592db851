"""A recogniser on disk: the files of a model package, with a manifest of a kind of its own.

    manifest.json     what it is, and size and SHA-256 of every other file
    backbone.keras    the network that gives the embedding
    backbone.tflite   the same for the light interpreter; absent where it could not be exported
    head.npz          weights and biases of the classes, and of the styles where it knows any
    canaries.npz      a few pictures with the embeddings and the scores of all classes that they must give
    report/…          for people

Written and read with the same care as a target's model (`classifier.package.package`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import PackageError
from classifier.package import manifest_values
from classifier.package.bounded_json import read_json
from classifier.package.canaries import (
    Canaries,
    Canary,
    check_canaries_fit,
    parse_canaries,
    stacked_embeddings,
    write_canaries,
)
from classifier.package.embedding_blocks import Block, check_blocks
from classifier.package.files import CANARIES, HEAD, KERAS, Format, PackageFiles, read_manifest, read_package
from classifier.package.kinds import RECOGNISER, kind_of
from classifier.package.npz_arrays import ArraySpec, read_arrays
from classifier.package.package import (
    BackboneFiles,
    Package,
    PackageFacts,
    backbone_json,
    check_file_names,
    copy_backbone,
    facts_of,
    hash_of_backbone,
    load_package,
    write_report_files,
)
from classifier.package.whole_folder import ListedFiles, write_whole
from classifier.pictures.preprocessing import Preprocessing
from classifier.recognition.certainty import Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.labels import class_names
from classifier.recognition.recogniser import Recogniser
from storage.names import TargetName
from storage.records import ModelCard

FORMAT = 1
_FORMAT = Format(
    kind=RECOGNISER,
    number=FORMAT,
    name="name",
    called="recogniser",
    manifest="a recogniser's manifest",
    trained="recogniser",
)
_HEAD = {"weights": ArraySpec("<f4", 2), "bias": ArraySpec("<f8", 1), "temperature": ArraySpec("<f8", 1)}
_STYLES = {f"style_{name}": spec for name, spec in _HEAD.items()}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecogniserParts:
    """What a recogniser's package is written from."""

    name: str  # under which it will be registered; names a folder
    backbone: BackboneFiles
    recogniser: Recogniser
    canaries: Sequence[Canary]
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # which pictures it was trained on
    metrics: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, bytes] = field(default_factory=dict)  # file name below report/ -> content
    created_at: datetime | None = None  # None: now


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecogniserPackage:
    """A recogniser whose files are as its manifest says."""

    folder: Path
    files: PackageFiles
    hash: str
    backbone_hash: str
    name: TargetName
    backbone_name: str
    blocks: tuple[Block, ...]  # of the embedding
    preprocessing: Preprocessing
    recogniser: Recogniser
    canaries: Canaries
    snapshot: Mapping[str, Any]
    metrics: Mapping[str, Any]
    created_at: datetime
    runtimes: Mapping[str, Path]

    @property
    def target(self) -> TargetName:
        """Under which it is registered, as a target's models are under the target's name."""
        return self.name

    @property
    def head(self) -> ClassHead:
        """What gives the scores that the canary pictures must have."""
        return self.recogniser.head

    @property
    def dimension(self) -> int:
        """Length of the embedding."""
        return self.recogniser.dimension

    @property
    def light_only(self) -> bool:
        """Never: every recogniser has a network that Keras runs."""
        return False

    @property
    def keras(self) -> Path:
        """The backbone's Keras file."""
        return self.folder / KERAS

    @property
    def backbone(self) -> BackboneFiles:
        """The backbone, for a package that shares it."""
        return BackboneFiles(
            self.backbone_name, self.keras, self.runtimes, self.preprocessing, self.dimension, (), self.blocks
        )

    def card(self, number: int) -> ModelCard:
        """Under which it is registered; its threshold is the least probability of a name."""
        return ModelCard(self.name, number, self.hash, self.backbone_hash, self.recogniser.limits.top)

    def report(self, name: str) -> bytes | None:
        """A file of the report, checked; None when the package lists none of that name.

        Raises:
            PackageError: it was altered since.
        """
        return self.files.report(name)


def write_recogniser(folder: Path, parts: RecogniserParts) -> PackageFacts:
    """Write a recogniser's package durably; it appears at `folder` whole or not at all.

    Raises:
        ValueError: the parts do not fit together.
        BadName: the name cannot name a folder.
        FileExistsError: there is something at `folder` already.
        OSError: the disk refuses.
    """
    _check_parts(parts)
    written = write_whole(folder, lambda work: _write_files(work, parts), lambda files: _manifest(parts, files))
    return facts_of(written, parts.backbone)


def load_recogniser(folder: Path, *, expected_hash: str | None = None) -> RecogniserPackage:
    """Read a recogniser after checking that every file is what its manifest, and the caller, say.

    Args:
        folder: the package.
        expected_hash: the hash under which it was registered; None trusts the manifest.

    Raises:
        WrongKind: it is a model of one target.
        PackageError: something is missing or altered; the message names it.
    """
    return read_package(folder, _FORMAT, expected_hash, _package)


def load_either(folder: Path, *, expected_hash: str | None = None) -> Package | RecogniserPackage:
    """Read a package of whichever kind, for what only wants its network.

    Raises:
        PackageError: something is missing or altered; the message names it.
    """
    try:
        manifest = read_json(read_manifest(folder))
        recogniser = isinstance(manifest, dict) and kind_of(manifest) == RECOGNISER
    except ValueError:
        recogniser = False  # `load_package` says what is wrong with it
    if recogniser:
        return load_recogniser(folder, expected_hash=expected_hash)
    return load_package(folder, expected_hash=expected_hash)


def _check_parts(parts: RecogniserParts) -> None:
    TargetName(parts.name)
    backbone, recogniser = parts.backbone, parts.recogniser
    if recogniser.dimension != backbone.dimension:
        raise ValueError(f"the head wants {recogniser.dimension} numbers, the backbone gives {backbone.dimension}")
    check_blocks(backbone.blocks, backbone.dimension)
    check_canaries_fit(parts.canaries, backbone.dimension)
    check_file_names(backbone, parts.report)


def _write_files(work: Path, parts: RecogniserParts) -> None:
    copy_backbone(work, parts.backbone)
    styles = parts.recogniser.styles
    arrays = _arrays(parts.recogniser.head) | ({} if styles is None else _arrays(styles, "style_"))
    np.savez(work / HEAD, allow_pickle=False, **arrays)
    write_canaries(work / CANARIES, parts.canaries, parts.recogniser.scores(stacked_embeddings(parts.canaries)))
    write_report_files(work, parts.report)


def _arrays(head: ClassHead, prefix: str = "") -> dict[str, npt.NDArray[Any]]:
    return {
        f"{prefix}weights": np.ascontiguousarray(head.weights, dtype="<f4"),
        f"{prefix}bias": head.bias.astype("<f8"),
        f"{prefix}temperature": np.array([head.temperature], dtype="<f8"),
    }


def _manifest(parts: RecogniserParts, files: ListedFiles) -> dict[str, Any]:
    recogniser = parts.recogniser
    return {
        "kind": RECOGNISER,
        "format": FORMAT,
        "name": parts.name,
        "created_at": (parts.created_at or datetime.now(UTC)).isoformat(),
        "backbone": backbone_json(parts.backbone, files),
        "preprocessing": parts.backbone.preprocessing.to_json(),
        "runtimes": sorted(parts.backbone.runtimes),
        "classes": list(recogniser.classes),
        "styles": [] if recogniser.styles is None else list(recogniser.styles.classes),
        "limits": asdict(recogniser.limits),
        "snapshot": dict(parts.snapshot),
        "metrics": dict(parts.metrics),
        "files": files,
    }


def _package(files: PackageFiles, manifest: Mapping[str, Any], digest: str) -> RecogniserPackage:
    folder = files.folder
    backbone, preprocessing = manifest["backbone"], Preprocessing.from_json(manifest["preprocessing"])
    recogniser = _recogniser(files, manifest)
    if recogniser.dimension != manifest_values.dimension(backbone["dimension"]):
        raise PackageError(
            f"{folder}: the head wants {recogniser.dimension} numbers, the backbone {backbone['dimension']}"
        )
    expected = hash_of_backbone(files.listed[KERAS].sha256, preprocessing)
    if backbone["hash"] != expected:
        raise PackageError(f"{folder}: the manifest's backbone hash does not belong to its backbone")
    runtimes = manifest_values.runtimes(manifest["runtimes"], files.listed)
    canaries = parse_canaries(files.content(CANARIES), folder / CANARIES, recogniser.dimension, len(recogniser.classes))
    return RecogniserPackage(
        folder=folder,
        files=files,
        hash=digest,
        backbone_hash=expected,
        name=manifest["name"],
        backbone_name=manifest_values.word(backbone["name"], "the network's name"),
        blocks=manifest_values.blocks(backbone["blocks"], recogniser.dimension),
        preprocessing=preprocessing,
        recogniser=recogniser,
        canaries=canaries,
        snapshot=manifest_values.snapshot(manifest["snapshot"]),
        metrics=dict(manifest["metrics"]),
        created_at=manifest_values.moment(manifest["created_at"]),
        runtimes={name: folder / file for name, file in runtimes.items()},
    )


def _recogniser(files: PackageFiles, manifest: Mapping[str, Any]) -> Recogniser:
    """The numbers of a package's head, with the names and limits of its manifest.

    Raises:
        PackageError: its numbers make no head.
        ValueError: names, or limits, are none.
    """
    classes = class_names(manifest_values.names(manifest["classes"], "classes"))
    styles = manifest_values.names(manifest["styles"], "styles")
    limits = Limits(**{name: manifest_values.number(manifest["limits"], name) for name in ("top", "gap", "deviation")})
    path = files.folder / HEAD
    try:
        arrays = read_arrays(files.content(HEAD), _HEAD | (_STYLES if styles else {}))
        return Recogniser(
            _head(arrays, classes, ""), limits, _head(arrays, class_names(styles), "style_") if styles else None
        )
    except ValueError as error:
        raise PackageError(f"{path} is not the head of a recogniser: {error}; train it again") from error


def _head(arrays: Mapping[str, npt.NDArray[Any]], classes: tuple[str, ...], prefix: str) -> ClassHead:
    temperatures = arrays[f"{prefix}temperature"]
    if temperatures.shape != (1,):
        raise ValueError(f"expected one temperature, got {len(temperatures)}")
    weights, bias = arrays[f"{prefix}weights"].astype(np.float32), arrays[f"{prefix}bias"].astype(np.float64)
    return ClassHead(classes, weights, bias, float(temperatures[0]))
