"""A model package: one folder with everything that turns bytes into one target's probability.

    manifest.json     what the model is, and size and SHA-256 of every other file
    backbone.keras    the network that gives the embedding
    backbone.tflite   the same network for the light interpreter; absent where it could not be exported
    head.npz          weights, bias and calibration
    canaries.npz      a few pictures with the embeddings and scores that they must give
    report/…          for people

Sizes and hashes are checked before anything is parsed by a bigger program, so that a damaged file is called damaged.
A package is written beside its final place, made durable, and appears by one rename.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import PackageError
from classifier.head_format import EMBEDDING_DTYPE, UNREADABLE, Head, read_head, write_head
from classifier.pictures import Preprocessing
from classifier.thresholds import ThresholdCurve
from storage.errors import BadName
from storage.names import TargetName
from system.flush import flush

FORMAT = 1
MANIFEST, HEAD, CANARIES, KERAS = "manifest.json", "head.npz", "canaries.npz", "backbone.keras"
RUNTIME_FILES = {"litert": "backbone.tflite"}  # runtime -> file; whoever reads the same format shares the file
_REPORT_NAME = re.compile(r"report/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_MANIFEST_LIMIT = 4 * 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class BackboneFiles:
    """A backbone on disk, in every form that a package carries."""

    name: str  # of the architecture: `small`
    keras: Path
    runtimes: Mapping[str, Path]  # a key of RUNTIME_FILES -> file
    preprocessing: Preprocessing
    dimension: int  # of the embedding
    classes: tuple[str, ...] = ()  # what it was trained to tell apart, in the order of its own outputs


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
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # which examples it was trained on
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reject_ratio: float | None = None  # share of the gallery that it is expected to reject, 0..1
    report: Mapping[str, bytes] = field(default_factory=dict)  # file name below report/ -> content
    created_at: datetime | None = None  # None: now


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """What names a package."""

    hash: str  # of the whole package: SHA-256 of its manifest, 64 hex digits
    backbone_hash: str  # equal for packages whose embeddings are interchangeable


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Canaries:
    """The pictures of a package with what they must give."""

    pictures: tuple[bytes, ...]
    embeddings: npt.NDArray[np.float16]  # (k, d)
    scores: npt.NDArray[np.float64]  # (k,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Package:
    """A package whose files are as its manifest says."""

    folder: Path
    hash: str
    backbone_hash: str
    target: TargetName
    backbone_name: str
    dimension: int
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    head: Head
    threshold: float
    curve: ThresholdCurve | None
    canaries: Canaries
    snapshot: Mapping[str, Any]
    metrics: Mapping[str, Any]
    reject_ratio: float | None
    created_at: datetime
    runtimes: Mapping[str, Path]

    @property
    def keras(self) -> Path:
        """The backbone's Keras file."""
        return self.folder / KERAS

    @property
    def backbone(self) -> BackboneFiles:
        """The backbone, for a package of another target that shares it."""
        return BackboneFiles(
            self.backbone_name, self.keras, self.runtimes, self.preprocessing, self.dimension, self.classes
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
    raw = _read_manifest(folder)
    found = hashlib.sha256(raw).hexdigest()
    if expected_hash is not None and found != expected_hash:
        raise PackageError(
            f"{folder / MANIFEST} was altered: its hash is {found[:12]}, registered was {expected_hash[:12]}; "
            "restore the folder from a backup or train the target again"
        )
    try:
        manifest = json.loads(raw)
        if manifest["format"] != FORMAT:
            raise PackageError(
                f"{folder} has package format {manifest['format']!r}, this program reads {FORMAT}; "
                "use the program version that wrote it, or train the target again"
            )
        target = TargetName(manifest["target"])  # first: a name that is none is the package's worst fault
        _check_files(folder, manifest["files"])
        return _package(folder, manifest | {"target": target}, found)
    except BadName as error:
        raise PackageError(f"{folder / MANIFEST} names no target: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PackageError(f"{folder / MANIFEST} is not a manifest: {type(error).__name__} {error}") from error


def _check_parts(parts: PackageParts) -> None:
    if parts.head.dimension != parts.backbone.dimension:
        raise ValueError(
            f"the head wants {parts.head.dimension} numbers, the backbone gives {parts.backbone.dimension}"
        )
    if not 0 <= parts.threshold <= 1:
        raise ValueError(f"the threshold must be 0..1, got {parts.threshold}")
    if parts.reject_ratio is not None and not 0 <= parts.reject_ratio <= 1:
        raise ValueError(f"the reject ratio must be 0..1, got {parts.reject_ratio}")
    if not parts.canaries:
        raise ValueError("a package needs at least one canary picture")
    shapes = {np.shape(canary.embedding) for canary in parts.canaries}
    if shapes != {(parts.backbone.dimension,)}:
        raise ValueError(f"canary embeddings must have the shape ({parts.backbone.dimension},), got {sorted(shapes)}")
    unknown = sorted(set(parts.backbone.runtimes) - set(RUNTIME_FILES))
    if unknown:
        raise ValueError(f"unknown runtime {unknown[0]!r}; known are {', '.join(RUNTIME_FILES)}")
    for name in parts.report:
        if not _REPORT_NAME.fullmatch(f"report/{name}"):
            raise ValueError(f"{name!r} is no plain file name for a report")


def _write_files(work: Path, parts: PackageParts) -> None:
    work.mkdir(mode=0o700)
    shutil.copyfile(parts.backbone.keras, work / KERAS)
    for runtime, source in parts.backbone.runtimes.items():
        shutil.copyfile(source, work / RUNTIME_FILES[runtime])
    write_head(work / HEAD, parts.head)
    _write_canaries(work / CANARIES, parts)
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
        },
        "preprocessing": backbone.preprocessing.to_json(),
        "runtimes": sorted(backbone.runtimes),
        "threshold": parts.threshold,
        "curve": None if parts.curve is None else asdict(parts.curve),
        "snapshot": dict(parts.snapshot),
        "metrics": dict(parts.metrics),
        "reject_ratio": parts.reject_ratio,
        "files": files,
    }


def _read_manifest(folder: Path) -> bytes:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise PackageError(f"{folder} is missing; train the target again or restore the folder")
    if not path.is_file() or path.is_symlink():
        raise PackageError(f"{path} is missing; {folder} is no model package")
    if path.stat().st_size > _MANIFEST_LIMIT:
        raise PackageError(f"{path} is no manifest: {path.stat().st_size} bytes")
    return path.read_bytes()


def _check_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Size first, then hash, so that the message can say what is really wrong."""
    allowed = {HEAD, CANARIES, KERAS, *RUNTIME_FILES.values()}
    for required in (KERAS, HEAD, CANARIES):
        if required not in files:
            raise PackageError(f"{folder / MANIFEST} does not list {required}; it is no whole package")
    for name, facts in files.items():
        if name not in allowed and not _REPORT_NAME.fullmatch(name):
            raise PackageError(f"{folder / MANIFEST} lists {name!r}, which is no file of a model package")
        path, size, sha256 = folder / name, int(facts["size"]), str(facts["sha256"])
        if path.is_symlink() or not path.is_file():
            raise PackageError(f"{path} is missing; restore it or train the target again")
        if path.stat().st_size != size:
            raise PackageError(
                f"{path} has {path.stat().st_size} bytes, the manifest says {size}; restore it or train again"
            )
        if not _HEX64.fullmatch(sha256) or _sha256(path) != sha256:
            raise PackageError(f"{path} was altered: its hash is not the manifest's; restore it or train again")


def _package(folder: Path, manifest: Mapping[str, Any], found: str) -> Package:
    backbone, preprocessing = manifest["backbone"], Preprocessing.from_json(manifest["preprocessing"])
    threshold, ratio = float(manifest["threshold"]), manifest["reject_ratio"]
    head = read_head(folder / HEAD)
    if head.dimension != backbone["dimension"]:
        raise PackageError(f"{folder}: the head wants {head.dimension} numbers, the backbone {backbone['dimension']}")
    if not 0 <= threshold <= 1:
        raise PackageError(f"{folder}: the threshold {threshold} is no probability")
    expected = _backbone_hash(manifest["files"][KERAS]["sha256"], preprocessing)
    if backbone["hash"] != expected:
        raise PackageError(f"{folder}: the manifest's backbone hash does not belong to its backbone")
    return Package(
        folder=folder,
        hash=found,
        backbone_hash=expected,
        target=manifest["target"],
        backbone_name=str(backbone["name"]),
        dimension=head.dimension,
        classes=tuple(str(name) for name in backbone["classes"]),
        preprocessing=preprocessing,
        head=head,
        threshold=threshold,
        curve=_curve(manifest["curve"]),
        canaries=_read_canaries(folder / CANARIES, head.dimension),
        snapshot=dict(manifest["snapshot"]),
        metrics=dict(manifest["metrics"]),
        reject_ratio=None if ratio is None else float(ratio),
        created_at=datetime.fromisoformat(manifest["created_at"]),
        runtimes={name: folder / RUNTIME_FILES[name] for name in manifest["runtimes"]},
    )


def _curve(values: Mapping[str, Any] | None) -> ThresholdCurve | None:
    if values is None:
        return None
    rows = {name: tuple(float(x) for x in values[name]) for name in ("thresholds", "precision", "recall")}
    if len({len(row) for row in rows.values()}) != 1 or not all(math.isfinite(x) for row in rows.values() for x in row):
        raise ValueError("the threshold curve's columns differ in length or hold no numbers")
    return ThresholdCurve(rows["thresholds"], rows["precision"], rows["recall"], float(values["prevalence"]))


def _read_canaries(path: Path, dimension: int) -> Canaries:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            sizes, joined = arrays["sizes"], arrays["pictures"].tobytes()
            embeddings, scores = arrays["embeddings"], arrays["scores"]
    except UNREADABLE as error:
        raise PackageError(f"{path} holds no canary pictures: {error}") from error
    count = len(sizes)
    if embeddings.shape != (count, dimension) or scores.shape != (count,) or sizes.sum() != len(joined) or not count:
        raise PackageError(f"{path}: {count} pictures, embeddings {embeddings.shape} and scores {scores.shape} differ")
    stream = io.BytesIO(joined)
    return Canaries(
        pictures=tuple(stream.read(int(size)) for size in sizes),
        embeddings=embeddings.astype(np.float16),
        scores=scores.astype(np.float64),
    )


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
