"""A model package: one folder with everything that turns bytes into one target's probability.

    manifest.json     what the model is, and size and SHA-256 of every other file
    backbone.keras    the network that gives the embedding
    backbone.tflite   the same network for the light interpreter; absent where it could not be exported
    head.npz          weights, bias and calibration
    canaries.npz      a few pictures with the embeddings and scores that they must give
    references.npz    embeddings of the pictures that a person gave as references; absent where nobody did
    report/…          for people

Sizes and hashes are checked before anything is parsed by a bigger program, so that a damaged file is called damaged.
A package is written beside its final place, made durable, and appears by one rename.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import PackageError
from classifier.head import EMBEDDING_DTYPE, Head, parse_head, write_head
from classifier.metrics.thresholds import ThresholdCurve
from classifier.package import manifest_values
from classifier.package.bounded_json import read_json
from classifier.package.embedding_blocks import Block, check_blocks
from classifier.package.files import (
    CANARIES,
    HEAD,
    KERAS,
    MANIFEST,
    REFERENCES,
    REPORT,
    REPORT_NAME,
    RUNTIME_FILES,
    PackageFiles,
    read_manifest,
)
from classifier.package.npz_arrays import ArraySpec, read_arrays
from classifier.package.references import References, parse_references, write_references
from classifier.pictures.preprocessing import Preprocessing
from storage.errors import BadName
from storage.names import TargetName
from storage.records import ModelCard
from system.flush import flush

FORMAT = 1
_MOST_CANARIES = 256  # pictures


@dataclass(frozen=True, slots=True)
class BackboneFiles:
    """A backbone on disk, in every form that a package carries."""

    name: str  # of the architecture: `small`
    keras: Path
    runtimes: Mapping[str, Path]  # a key of RUNTIME_FILES -> file
    preprocessing: Preprocessing
    dimension: int  # of the embedding
    classes: tuple[str, ...] = ()  # what it was trained to tell apart, in the order of its own outputs
    blocks: tuple[Block, ...] = ()  # of the embedding; empty: nobody says, as in packages of before


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """A picture and the embedding that it must give."""

    picture: bytes  # encoded; PNG, so that no decoder's version matters
    embedding: npt.NDArray[np.floating[Any]]  # (d,)


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


@dataclass(frozen=True, slots=True, eq=False)
class Canaries:
    """The pictures of a package with what they must give."""

    pictures: tuple[bytes, ...]
    embeddings: npt.NDArray[np.float16]  # (k, d)
    scores: npt.NDArray[np.float64]  # (k,)


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
    snapshot: Mapping[str, Any]
    metrics: Mapping[str, Any]
    reject_ratio: float | None
    refusal: str  # why the model may not decide; after a semicolon, what to do. "": it decides
    created_at: datetime
    runtimes: Mapping[str, Path]

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
        )

    @property
    def keras(self) -> Path:
        """The backbone's Keras file."""
        return self.folder / KERAS

    def report(self, name: str) -> bytes | None:
        """A file of the report, checked; None when the package lists none of that name.

        Raises:
            PackageError: it was altered since.
        """
        listed = f"{REPORT}/{name}"
        return self.files.content(listed) if listed in self.files.listed else None

    @property
    def backbone(self) -> BackboneFiles:
        """The backbone, for a package of another target that shares it."""
        return BackboneFiles(
            self.backbone_name,
            self.keras,
            self.runtimes,
            self.preprocessing,
            self.dimension,
            self.classes,
            self.blocks,
        )


def backbone_hash(keras: Path, preprocessing: Preprocessing) -> str:
    """What keys stored embeddings: the network's file and its preprocessing, 64 hex digits."""
    return _backbone_hash(_sha256(keras), preprocessing)


def write_package(folder: Path, parts: PackageParts) -> PackageFacts:
    """Write a package durably; it appears at `folder` whole or not at all.

    Raises:
        ValueError: the parts do not fit together.
        FileExistsError: there is something at `folder` already.
        OSError: the disk refuses.
    """
    _check_parts(parts)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; a package is never overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".work-{folder.name}-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)  # ours by name: left by a killed process with our number
    try:
        _write_files(work, parts)
        hashes = _hashed_files(work)
        manifest = json.dumps(_manifest(parts, hashes), indent=1, sort_keys=True, allow_nan=False).encode()
        (work / MANIFEST).write_bytes(manifest)
        sync_tree(work)
        work.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    keras_hash = str(hashes[KERAS]["sha256"])
    return PackageFacts(hashlib.sha256(manifest).hexdigest(), _backbone_hash(keras_hash, parts.backbone.preprocessing))


def load_package(folder: Path, *, expected_hash: str | None = None) -> Package:
    """Read a package after checking that every file is what its manifest, and the caller, say.

    Args:
        folder: the package.
        expected_hash: the hash under which it was registered; None trusts the manifest.
    Raises:
        PackageError: something is missing or altered; the message names it.
    """
    raw = read_manifest(folder)
    digest = hashlib.sha256(raw).hexdigest()
    if expected_hash is not None and digest != expected_hash:
        raise PackageError(
            f"{folder / MANIFEST} was altered: its hash is {digest[:12]}, registered was {expected_hash[:12]}; "
            "restore the folder from a backup or train the target again"
        )
    try:
        manifest = read_json(raw)
        if manifest["format"] != FORMAT:
            raise PackageError(
                f"{folder} has package format {manifest['format']!r:.40}, this program reads {FORMAT}; "
                "use the program version that wrote it, or train the target again"
            )
        target = TargetName(manifest["target"])  # first: a name that is none is the package's worst fault
        files = PackageFiles.of(folder, manifest["files"])
        files.check()
        return _package(files, manifest | {"target": target}, digest)
    except BadName as error:
        raise PackageError(f"{folder / MANIFEST} names no target: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackageError(f"{folder / MANIFEST} is not a manifest: {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    return f"it does not say {error}" if isinstance(error, KeyError) else str(error)[:300]


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
    if not parts.canaries:
        raise ValueError("a package needs at least one canary picture")
    shapes = {np.shape(canary.embedding) for canary in parts.canaries}
    if shapes != {(parts.backbone.dimension,)}:
        raise ValueError(f"canary embeddings must have the shape ({parts.backbone.dimension},), got {sorted(shapes)}")
    unknown = sorted(set(parts.backbone.runtimes) - set(RUNTIME_FILES))
    if unknown:
        raise ValueError(f"unknown runtime {unknown[0]!r}; known are {', '.join(RUNTIME_FILES)}")
    for name in parts.report:
        if not REPORT_NAME.fullmatch(f"report/{name}"):
            raise ValueError(f"{name!r} is not a plain file name for a report")


def _write_files(work: Path, parts: PackageParts) -> None:
    work.mkdir(mode=0o700)
    shutil.copyfile(parts.backbone.keras, work / KERAS)
    for runtime, source in parts.backbone.runtimes.items():
        shutil.copyfile(source, work / RUNTIME_FILES[runtime])
    write_head(work / HEAD, parts.head)
    _write_canaries(work / CANARIES, parts)
    if parts.references is not None:
        write_references(work / REFERENCES, parts.references)
    if parts.report:
        (work / "report").mkdir()
    for name, content in parts.report.items():
        (work / "report" / name).write_bytes(content)


def _write_canaries(path: Path, parts: PackageParts) -> None:
    embeddings = np.stack([np.asarray(canary.embedding) for canary in parts.canaries]).astype(EMBEDDING_DTYPE)
    scores = parts.head.probabilities(embeddings.astype(np.float16))
    if not (np.isfinite(embeddings).all() and np.isfinite(scores).all()):
        raise ValueError("a canary's embedding or score is not finite in half precision; the backbone is unusable")
    np.savez(
        path,
        allow_pickle=False,
        sizes=np.array([len(canary.picture) for canary in parts.canaries], dtype="<i8"),
        pictures=np.frombuffer(b"".join(canary.picture for canary in parts.canaries), dtype=np.uint8),
        embeddings=embeddings,
        scores=scores.astype("<f8"),
    )


def _hashed_files(work: Path) -> dict[str, dict[str, int | str]]:
    files = sorted(path for path in work.rglob("*") if path.is_file())
    return {path.relative_to(work).as_posix(): {"size": path.stat().st_size, "sha256": _sha256(path)} for path in files}


def _manifest(parts: PackageParts, files: Mapping[str, Mapping[str, int | str]]) -> dict[str, Any]:
    backbone = parts.backbone
    return {
        "format": FORMAT,
        "target": parts.target,
        "created_at": (parts.created_at or datetime.now(UTC)).isoformat(),
        "backbone": {
            "name": backbone.name,
            "hash": _backbone_hash(str(files[KERAS]["sha256"]), backbone.preprocessing),
            "dimension": backbone.dimension,
            "classes": list(backbone.classes),
            "blocks": [asdict(block) for block in backbone.blocks],
        },
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
    expected = _backbone_hash(files.listed[KERAS].sha256, preprocessing)
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
        canaries=_canaries(files.content(CANARIES), folder / CANARIES, head.dimension),
        references=_references(files, head.dimension),
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


def _canaries(content: bytes, path: Path, dimension: int) -> Canaries:
    """The canary pictures of a package.

    Raises:
        PackageError: they are none.
    """
    try:
        arrays = read_arrays(content, _CANARY_ARRAYS)
    except ValueError as error:
        raise PackageError(f"{path} holds no canary pictures: {error}") from error
    sizes, joined = [int(size) for size in arrays["sizes"]], arrays["pictures"].tobytes()
    embeddings, scores = arrays["embeddings"], arrays["scores"]
    count = len(sizes)
    if not 1 <= count <= _MOST_CANARIES:
        raise PackageError(f"{path}: {count} pictures, expected 1 to {_MOST_CANARIES}")
    if embeddings.shape != (count, dimension) or scores.shape != (count,) or sum(sizes) != len(joined):
        raise PackageError(f"{path}: {count} pictures, embeddings {embeddings.shape} and scores {scores.shape} differ")
    if not (np.isfinite(embeddings).all() and ((scores >= 0) & (scores <= 1)).all()):
        raise PackageError(f"{path}: an embedding is not finite, or a score is not a probability")
    stream = io.BytesIO(joined)
    pictures = tuple(stream.read(max(0, size)) for size in sizes)
    return Canaries(pictures, embeddings.astype(np.float16), scores.astype(np.float64))


_CANARY_ARRAYS = {
    "sizes": ArraySpec("<i8", 1),
    "pictures": ArraySpec("|u1", 1),
    "embeddings": ArraySpec("<f2", 2),
    "scores": ArraySpec("<f8", 1),
}


def _backbone_hash(keras_sha256: str, preprocessing: Preprocessing) -> str:
    return hashlib.sha256(f"backbone {keras_sha256} {preprocessing.hash}".encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_tree(folder: Path) -> None:
    """Make a folder and everything in it durable."""
    for path in sorted(folder.rglob("*"), reverse=True):
        flush(path)
    flush(folder)
