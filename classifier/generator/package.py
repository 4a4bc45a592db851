"""A generator on disk: the network, what it learned from, how good it is, and that all it paints is synthetic.

MODEL/manifest.json     settings, classes, licence, quality, and the hash of every file
MODEL/generator.keras   from noise to pictures
MODEL/learned.npz       hashes of the pictures that it learned from: copies are found, and held out of tests
MODEL/sheets/  figures/  logs/
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array
from classifier.errors import PackageError
from classifier.package.bounded_json import read_json
from classifier.package.files import MANIFEST, read_manifest
from classifier.package.keras_file import MOST_BYTES, check_network
from classifier.package.kinds import GENERATOR, check_kind
from classifier.package.whole_folder import ListedFiles, WrittenFolder, write_whole
from classifier.pictures.dhash import HashArray
from classifier.pictures.preprocessing import Pixels
from system.regular_files import open_regular, read_regular

NETWORK, LEARNED = "generator.keras", "learned.npz"
FORMAT = 1
LICENCE = (
    "unknown: the pictures that this generator learned from are their makers', and so may be what it paints; "
    "ask before you publish either"
)
NOTICE = "every picture that this generator paints is synthetic, and is marked so"
_LEARNED_LIMIT = 256 * 1024 * 1024  # bytes: ten million pictures
_MOST_CLASSES, _MOST_NOISE = 100_000, 4096
_MD5 = 16  # bytes
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{0,150}")  # of a class, which becomes part of file names


@dataclass(frozen=True, slots=True, eq=False)
class LearnedFrom:
    """Which pictures a generator was trained or chosen on."""

    md5s: tuple[str, ...]  # of the files, 32 hex digits
    hashes: HashArray  # by `classifier.pictures.dhash`, (n,)


@dataclass(frozen=True, slots=True, eq=False)
class GeneratorPackage:
    """A generator whose files are what its manifest says."""

    folder: Path
    hash: str  # SHA-256 of the manifest, 64 hex digits
    manifest: Mapping[str, Any]
    classes: tuple[str, ...]
    told: int  # of these the network is told; 0: none, what it paints is of any class
    noise: int  # numbers a picture
    learned: LearnedFrom

    @property
    def short(self) -> str:
        """Eight hex digits that name it in file names."""
        return self.hash[:8]

    def load(self) -> Callable[[Float32Array, Float32Array], Pixels]:
        """What paints pictures: from noise, (n, noise), and classes, (n, told), to (n, 96, 96, 3), RGB.

        Raises:
            PackageError: Keras refuses the network, or it is not what the manifest says.
        """
        import keras
        import tensorflow as tf

        from classifier.generator.adversaries import painted
        from classifier.generator.networks import SIZE

        path = self.folder / NETWORK
        check_network(path)
        try:
            network = keras.saving.load_model(path, compile=False, safe_mode=True)
        except (ValueError, TypeError, OSError, KeyError) as error:
            raise PackageError(f"{path} is refused by Keras: {' '.join(str(error).split())[:200]}") from error
        wanted = [(None, self.noise), *([(None, self.told)] if self.told else [])]
        if [one.shape for one in network.inputs] != wanted or network.output_shape != (None, SIZE, SIZE, 3):
            raise PackageError(f"{path} is not the generator that its manifest describes; train it again")
        paint = tf.function(lambda inputs: network(inputs, training=False))
        return lambda noise, shows: painted(paint, noise, shows)


def write_generator(
    folder: Path, network: Any, learned: LearnedFrom, facts: Mapping[str, Any], fill: Callable[[Path], None]
) -> WrittenFolder:
    """Write a generator durably.

    Args:
        folder: where it is to be; nothing is there yet.
        network: `keras.Model`.
        learned: the pictures that it has seen in training.
        facts: for the manifest: name, settings, classes, told, noise, quality and so on; plain values.
        fill: writes sheets, figures and logs into the folder that it is given.

    Raises:
        FileExistsError: there is something at `folder`.
        OSError: the disk refuses.
    """

    def write(work: Path) -> None:
        network.save(work / NETWORK)
        md5s = np.frombuffer(bytes.fromhex("".join(learned.md5s)), np.uint8).reshape(-1, _MD5)
        np.savez(work / LEARNED, md5s=md5s, hashes=learned.hashes)
        fill(work)

    def manifest(files: ListedFiles) -> Mapping[str, Any]:
        fixed = {"kind": GENERATOR, "format": FORMAT, "licence": LICENCE, "notice": NOTICE}
        return {**facts, **fixed, "created_at": datetime.now(UTC).isoformat(), "files": dict(files)}

    return write_whole(folder, write, manifest)


def load_generator(folder: Path) -> GeneratorPackage:
    """Read a generator, after checking network and hashes against the manifest; loads no network.

    Raises:
        WrongKind: it is a package of another kind.
        PackageError: it is missing, altered, or no package.
    """
    if not folder.is_dir():
        raise PackageError(f"{folder} is missing; name the folder of a generator, as `crawl generate train` leaves it")
    raw, where = read_manifest(folder), folder / MANIFEST
    try:
        manifest = read_json(raw)
        check_kind(manifest, GENERATOR, folder)
        if manifest["format"] != FORMAT:
            raise PackageError(f"{folder} has generator format {manifest['format']!r:.40}, this program reads {FORMAT}")
        classes, told = _names(manifest["classes"]), _whole(manifest["told"], 0, _MOST_CLASSES)
        if told not in (0, len(classes)):
            raise ValueError(f"it is told {told} classes and has {len(classes)}")
        _check_file(folder, NETWORK, manifest["files"], MOST_BYTES)
        learned = _learned(_checked_content(folder, LEARNED, manifest["files"], _LEARNED_LIMIT))
        noise = _whole(manifest["noise"], 1, _MOST_NOISE)
    except KeyError as error:
        raise PackageError(f"{where} is not a generator's: it does not say {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise PackageError(f"{where} is not a generator's: {str(error)[:300]}") from error
    return GeneratorPackage(folder, hashlib.sha256(raw).hexdigest(), manifest, classes, told, noise, learned)


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_CLASSES:
        raise ValueError("its classes are no list")
    if not all(isinstance(one, str) and _NAME.fullmatch(one) for one in value) or len(set(value)) != len(value):
        raise ValueError("its classes are no names")
    return tuple(value)


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{str(value)[:40]} is not a whole number from {low} to {high}")
    return value


def _check_file(folder: Path, name: str, files: Mapping[str, Any], most: int) -> None:
    try:
        with open_regular(folder / name, most, links=False) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # a plain binary file
    except OSError as error:
        raise PackageError(
            f"{folder / name} cannot be read: {error.strerror or error}; train the generator again"
        ) from error
    _compare(folder / name, found, files)


def _checked_content(folder: Path, name: str, files: Mapping[str, Any], most: int) -> bytes:
    try:
        content = read_regular(folder / name, most, links=False).content
    except OSError as error:
        raise PackageError(
            f"{folder / name} cannot be read: {error.strerror or error}; train the generator again"
        ) from error
    _compare(folder / name, hashlib.sha256(content).hexdigest(), files)
    return content


def _compare(path: Path, found: str, files: Mapping[str, Any]) -> None:
    if files[path.name]["sha256"] != found:
        raise PackageError(
            f"{path} was altered: its hash is not the manifest's; restore it or train the generator again"
        )


def _learned(content: bytes) -> LearnedFrom:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        md5s, hashes = file["md5s"], file["hashes"]
    if md5s.dtype != np.uint8 or md5s.shape[1:] != (_MD5,) or hashes.dtype != np.uint64 or hashes.ndim != 1:
        raise ValueError(f"{LEARNED} holds no hashes")
    return LearnedFrom(hex_md5s(md5s), hashes)


def hex_md5s(md5s: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Rows of 16 bytes as 32 hex digits."""
    return tuple(row.tobytes().hex() for row in md5s)


def counts_by_name(names: Sequence[str], labels: Sequence[int]) -> dict[str, int]:
    """Pictures by class."""
    return {name: sum(label == number for label in labels) for number, name in enumerate(names)}
