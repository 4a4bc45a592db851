"""A model package: one folder with everything that turns bytes into one target's probability.

    manifest.json     what the model is, and size and SHA-256 of every other file
    backbone.keras    the network that gives the embedding; absent from int8 models, which Keras cannot run
    backbone.tflite   the same network for the light interpreter; absent where it could not be exported
    head.npz          weights, bias and calibration
    canaries.npz      a few pictures with the embeddings and scores that they must give
    references.npz    embeddings of the pictures that a person gave as references; absent where nobody did
    small_looks.npz   what the network sees in held-out pictures and in small copies of them; absent in older packages
    report/…          for people

Sizes and hashes are checked before anything is parsed by a bigger program, so that a damaged file is called damaged.
A package is written beside its final place, made durable, and appears by one rename.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classifier.errors import PackageError
from classifier.head import Head, parse_head, write_head
from classifier.metrics.thresholds import ThresholdCurve
from classifier.package import manifest_values
from classifier.package.canaries import (
    Canaries,
    check_canaries_fit,
    parse_canaries,
    stacked_embeddings,
    write_canaries,
)
from classifier.package.canaries import Canary as Canary
from classifier.package.embedding_blocks import Block, check_blocks
from classifier.package.files import (
    CANARIES,
    HEAD,
    KERAS,
    REFERENCES,
    REPORT,
    REPORT_NAME,
    RUNTIME_FILES,
    SMALL_LOOKS,
    Format,
    PackageFiles,
    main_file,
    read_package,
)
from classifier.package.kinds import TARGET
from classifier.package.references import References, parse_references, write_references
from classifier.package.small_looks import SmallLooks, parse_small_looks, write_small_looks
from classifier.package.whole_folder import ListedFiles, WrittenFolder, write_whole
from classifier.pictures.preprocessing import Preprocessing
from storage.names import TargetName
from storage.records import ModelCard

FORMAT = 1
_FORMAT = Format(kind=TARGET, number=FORMAT, name="target", called="package", manifest="a manifest", trained="target")


@dataclass(frozen=True, slots=True)
class BackboneFiles:
    """A backbone on disk, in every form that a package carries."""

    name: str  # of the architecture: `small`
    keras: Path | None  # None: only a light interpreter can run it
    runtimes: Mapping[str, Path]  # a key of RUNTIME_FILES -> file
    preprocessing: Preprocessing
    dimension: int  # of the embedding
    classes: tuple[str, ...] = ()  # what it was trained to tell apart, in the order of its own outputs
    blocks: tuple[Block, ...] = ()  # of the embedding; empty: nobody says, as in packages of before


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackageParts:
    """What a package is written from."""

    target: str
    backbone: BackboneFiles
    head: Head
    threshold: float  # 0..1
    curve: ThresholdCurve | None = None  # answers other goals for precision and recall later
    canaries: Sequence[Canary]
    references: References | None = None  # None: nobody gave any
    small_looks: SmallLooks | None = None  # None: nobody looked at small renditions
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # which examples it was trained on
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reject_ratio: float | None = None  # share of the gallery that it is expected to reject, 0..1
    refusal: str = ""  # why the model may not decide; after a semicolon, what to do. "": it decides
    report: Mapping[str, bytes] = field(default_factory=dict)  # file name below report/ -> content
    created_at: datetime | None = None  # None: now


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """What names a package."""

    hash: str  # of the whole package: SHA-256 of its manifest, 64 hex digits
    backbone_hash: str  # equal for packages whose embeddings are interchangeable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Package:
    """A package whose files are as its manifest says."""

    folder: Path
    files: PackageFiles
    hash: str
    backbone_hash: str
    target: TargetName
    backbone_name: str
    dimension: int
    classes: tuple[str, ...]
    blocks: tuple[Block, ...]  # of the embedding; empty in packages of before
    preprocessing: Preprocessing
    head: Head
    threshold: float
    curve: ThresholdCurve | None
    canaries: Canaries
    references: References | None
    small_looks: SmallLooks | None
    snapshot: Mapping[str, Any]
    metrics: Mapping[str, Any]
    reject_ratio: float | None
    refusal: str  # why the model may not decide; after a semicolon, what to do. "": it decides
    created_at: datetime
    runtimes: Mapping[str, Path]

    def margin_at(self, threshold: float) -> float | None:
        """How far from a threshold, 0..1, a small rendition decides, log odds; None: nobody measured it."""
        return None if self.small_looks is None else self.small_looks.margin(self.head, threshold)

    def card(self, number: int) -> ModelCard:
        """What a decision says about this model, under its number in a gallery."""
        head = self.head
        return ModelCard(
            target=self.target,
            number=number,
            hash=self.hash,
            backbone_hash=self.backbone_hash,
            threshold=self.threshold,
            shifts=head.shifts,
            refusal=self.refusal,
            ai_weights=head.ai_weights,
            tagger_network=head.tagger_network,
            margin=self.margin_at(self.threshold),
        )

    @property
    def light_only(self) -> bool:
        """Whether only the light interpreter can run its network, as of an int8 model."""
        return KERAS not in self.files.listed

    @property
    def keras(self) -> Path:
        """The backbone's Keras file.

        Raises:
            PackageError: it has none.
        """
        if self.light_only:
            raise PackageError(f"{self.folder} is an int8 model: LiteRT alone runs it, not Keras")
        return self.folder / KERAS

    def report(self, name: str) -> bytes | None:
        """A file of the report, checked; None when the package lists none of that name.

        Raises:
            PackageError: it was altered since.
        """
        return self.files.report(name)

    @property
    def backbone(self) -> BackboneFiles:
        """The backbone, for a package of another target that shares it."""
        return BackboneFiles(
            self.backbone_name,
            None if self.light_only else self.keras,
            self.runtimes,
            self.preprocessing,
            self.dimension,
            self.classes,
            self.blocks,
        )


def write_package(folder: Path, parts: PackageParts) -> PackageFacts:
    """Write a package durably; it appears at `folder` whole or not at all.

    Raises:
        ValueError: the parts do not fit together.
        FileExistsError: there is something at `folder` already.
        OSError: the disk refuses.
    """
    _check_parts(parts)
    written = write_whole(folder, lambda work: _write_files(work, parts), lambda files: _manifest(parts, files))
    return facts_of(written, parts.backbone)


def load_package(folder: Path, *, expected_hash: str | None = None) -> Package:
    """Read a package after checking that every file is what its manifest, and the caller, say.

    Args:
        folder: the package.
        expected_hash: the hash under which it was registered; None trusts the manifest.
    Raises:
        PackageError: something is missing or altered; the message names it.
    """
    return read_package(folder, _FORMAT, expected_hash, _package)


def _check_parts(parts: PackageParts) -> None:
    if parts.head.dimension != parts.backbone.dimension:
        raise ValueError(
            f"the head wants {parts.head.dimension} numbers, the backbone gives {parts.backbone.dimension}"
        )
    check_blocks(parts.backbone.blocks, parts.backbone.dimension)
    if not 0 <= parts.threshold <= 1:
        raise ValueError(f"the threshold must be 0..1, got {parts.threshold}")
    if parts.reject_ratio is not None and not 0 <= parts.reject_ratio <= 1:
        raise ValueError(f"the reject ratio must be 0..1, got {parts.reject_ratio}")
    manifest_values.refusal(parts.refusal)
    check_canaries_fit(parts.canaries, parts.backbone.dimension)
    check_file_names(parts.backbone, parts.report)


def _write_files(work: Path, parts: PackageParts) -> None:
    copy_backbone(work, parts.backbone)
    write_head(work / HEAD, parts.head)
    write_canaries(work / CANARIES, parts.canaries, parts.head.probabilities(stacked_embeddings(parts.canaries)))
    if parts.references is not None:
        write_references(work / REFERENCES, parts.references)
    if parts.small_looks is not None:
        write_small_looks(work / SMALL_LOOKS, parts.small_looks)
    write_report_files(work, parts.report)


def copy_backbone(work: Path, backbone: BackboneFiles) -> None:
    """Put a backbone's files into a package's folder."""
    if backbone.keras is not None:
        shutil.copyfile(backbone.keras, work / KERAS)
    for runtime, source in backbone.runtimes.items():
        shutil.copyfile(source, work / RUNTIME_FILES[runtime])


def write_report_files(work: Path, report: Mapping[str, bytes]) -> None:
    """Put the files for people into a package's folder."""
    if report:
        (work / REPORT).mkdir()
    for name, content in report.items():
        (work / REPORT / name).write_bytes(content)


def check_file_names(backbone: BackboneFiles, report: Mapping[str, bytes]) -> None:
    """Check that a package may list these files.

    Raises:
        ValueError: it may not; names the file.
    """
    if backbone.keras is None and not backbone.runtimes:
        raise ValueError(f"the network {backbone.name} has no file")
    unknown = sorted(set(backbone.runtimes) - set(RUNTIME_FILES))
    if unknown:
        raise ValueError(f"unknown runtime {unknown[0]!r}; known are {', '.join(RUNTIME_FILES)}")
    for name in report:
        if not REPORT_NAME.fullmatch(f"{REPORT}/{name}"):
            raise ValueError(f"{name!r} is not a plain file name for a report")


def facts_of(written: WrittenFolder, backbone: BackboneFiles) -> PackageFacts:
    """What names a package that was written."""
    return PackageFacts(written.hash, _hash_of(written.files, backbone))


def backbone_json(backbone: BackboneFiles, files: ListedFiles) -> dict[str, Any]:
    """What a manifest says of a backbone."""
    return {
        "name": backbone.name,
        "hash": _hash_of(files, backbone),
        "dimension": backbone.dimension,
        "classes": list(backbone.classes),
        "blocks": [asdict(block) for block in backbone.blocks],
    }


def _hash_of(files: ListedFiles, backbone: BackboneFiles) -> str:
    return hash_of_backbone(str(files[main_file(files)]["sha256"]), backbone.preprocessing)


def _manifest(parts: PackageParts, files: ListedFiles) -> dict[str, Any]:
    backbone = parts.backbone
    return {
        "format": FORMAT,
        "target": parts.target,
        "created_at": (parts.created_at or datetime.now(UTC)).isoformat(),
        "backbone": backbone_json(backbone, files),
        "preprocessing": backbone.preprocessing.to_json(),
        "runtimes": sorted(backbone.runtimes),
        "threshold": parts.threshold,
        "curve": None if parts.curve is None else asdict(parts.curve),
        "snapshot": dict(parts.snapshot),
        "metrics": dict(parts.metrics),
        "reject_ratio": parts.reject_ratio,
        "refusal": parts.refusal,
        "files": files,
    }


def _package(files: PackageFiles, manifest: Mapping[str, Any], digest: str) -> Package:
    folder = files.folder
    backbone, preprocessing = manifest["backbone"], Preprocessing.from_json(manifest["preprocessing"])
    head = parse_head(files.content(HEAD), folder / HEAD)
    if head.dimension != manifest_values.dimension(backbone["dimension"]):
        raise PackageError(f"{folder}: the head wants {head.dimension} numbers, the backbone {backbone['dimension']}")
    expected = hash_of_backbone(files.listed[main_file(files.listed)].sha256, preprocessing)
    if backbone["hash"] != expected:
        raise PackageError(f"{folder}: the manifest's backbone hash does not belong to its backbone")
    runtimes = manifest_values.runtimes(manifest["runtimes"], files.listed)
    return Package(
        folder=folder,
        files=files,
        hash=digest,
        backbone_hash=expected,
        target=manifest["target"],
        backbone_name=manifest_values.word(backbone["name"], "the network's name"),
        dimension=head.dimension,
        classes=manifest_values.names(backbone["classes"], "classes"),
        blocks=manifest_values.blocks(backbone.get("blocks", []), head.dimension),  # packages of before say nothing
        preprocessing=preprocessing,
        head=head,
        threshold=manifest_values.number(manifest, "threshold"),
        curve=manifest_values.curve(manifest["curve"]),
        canaries=parse_canaries(files.content(CANARIES), folder / CANARIES, head.dimension),
        references=_references(files, head.dimension),
        small_looks=_small_looks(files, head.dimension),
        snapshot=manifest_values.snapshot(manifest["snapshot"]),
        metrics=manifest_values.metrics(manifest["metrics"]),
        reject_ratio=None if manifest["reject_ratio"] is None else manifest_values.number(manifest, "reject_ratio"),
        refusal=manifest_values.refusal(manifest.get("refusal", "")),  # packages of before say nothing
        created_at=manifest_values.moment(manifest["created_at"]),
        runtimes={name: folder / file for name, file in runtimes.items()},
    )


def _references(files: PackageFiles, dimension: int) -> References | None:
    """The reference pictures of a package, where it has any.

    Raises:
        PackageError: they are none.
    """
    if REFERENCES not in files.listed:
        return None
    return parse_references(files.content(REFERENCES), files.folder / REFERENCES, dimension)


def _small_looks(files: PackageFiles, dimension: int) -> SmallLooks | None:
    """What the network sees in small copies, where a package has it.

    Raises:
        PackageError: it is nothing of the kind.
    """
    if SMALL_LOOKS not in files.listed:
        return None
    return parse_small_looks(files.content(SMALL_LOOKS), files.folder / SMALL_LOOKS, dimension)


def hash_of_backbone(network_sha256: str, preprocessing: Preprocessing) -> str:
    """What keys stored embeddings, from the hash of the network's main file."""
    return hashlib.sha256(f"backbone {network_sha256} {preprocessing.hash}".encode()).hexdigest()
