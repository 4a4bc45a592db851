"""Canary pictures: a few pictures in a package with the embeddings and scores that they must give on every machine."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray
from classifier.errors import PackageError
from classifier.head import EMBEDDING_DTYPE
from classifier.package.npz_arrays import ArraySpec, read_arrays

MOST_CANARIES = 256  # pictures


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """A picture and the embedding that it must give."""

    picture: bytes  # encoded; PNG, so that no decoder's version matters
    embedding: npt.NDArray[np.floating[Any]]  # (d,)


@dataclass(frozen=True, slots=True, eq=False)
class Canaries:
    """The pictures of a package with what they must give."""

    pictures: tuple[bytes, ...]
    embeddings: npt.NDArray[np.float16]  # (k, d)
    scores: FloatArray  # (k,) of a target's model; (k, classes) of a recogniser


def check_canaries_fit(canaries: Sequence[Canary], dimension: int) -> None:
    """Check that there are some, with embeddings of the backbone's length.

    Raises:
        ValueError: there are none, or of another length.
    """
    if not canaries:
        raise ValueError("a package needs at least one canary picture")
    shapes = {np.shape(canary.embedding) for canary in canaries}
    if shapes != {(dimension,)}:
        raise ValueError(f"canary embeddings must have the shape ({dimension},), got {sorted(shapes)}")


def stacked_embeddings(canaries: Sequence[Canary]) -> npt.NDArray[np.float16]:
    """Their embeddings as they are stored, shape (k, d)."""
    return np.stack([np.asarray(canary.embedding) for canary in canaries]).astype(EMBEDDING_DTYPE).astype(np.float16)


def write_canaries(path: Path, canaries: Sequence[Canary], scores: FloatArray) -> None:
    """Write them as one `.npz` file without any pickled object.

    Args:
        path: of the file.
        canaries: k pictures.
        scores: of `stacked_embeddings`, shape (k,) or (k, classes).

    Raises:
        ValueError: an embedding or a score is not finite.
    """
    embeddings = stacked_embeddings(canaries)
    if not (np.isfinite(embeddings).all() and np.isfinite(scores).all()):
        raise ValueError("a canary's embedding or score is not finite in half precision; the backbone is unusable")
    np.savez(
        path,
        allow_pickle=False,
        sizes=np.array([len(canary.picture) for canary in canaries], dtype="<i8"),
        pictures=np.frombuffer(b"".join(canary.picture for canary in canaries), dtype=np.uint8),
        embeddings=embeddings.astype(EMBEDDING_DTYPE),
        scores=np.ascontiguousarray(scores, dtype="<f8"),
    )


def parse_canaries(content: bytes, path: Path, dimension: int, classes: int | None = None) -> Canaries:
    """What `write_canaries` wrote; the path is for messages.

    Args:
        content: of the file.
        path: of the file.
        dimension: length of the network's embedding.
        classes: how many scores each picture has; None: one, not in a row of its own.

    Raises:
        PackageError: they are none.
    """
    try:
        arrays = read_arrays(content, _ARRAYS | {"scores": ArraySpec("<f8", 1 if classes is None else 2)})
    except ValueError as error:
        raise PackageError(f"{path} holds no canary pictures: {error}") from error
    sizes, joined = [int(size) for size in arrays["sizes"]], arrays["pictures"].tobytes()
    embeddings, scores = arrays["embeddings"], arrays["scores"]
    count = len(sizes)
    if not 1 <= count <= MOST_CANARIES:
        raise PackageError(f"{path}: {count} pictures, expected 1 to {MOST_CANARIES}")
    of_scores = (count,) if classes is None else (count, classes)
    if embeddings.shape != (count, dimension) or scores.shape != of_scores or sum(sizes) != len(joined):
        raise PackageError(f"{path}: {count} pictures, embeddings {embeddings.shape} and scores {scores.shape} differ")
    if not (np.isfinite(embeddings).all() and ((scores >= 0) & (scores <= 1)).all()):
        raise PackageError(f"{path}: an embedding is not finite, or a score is not a probability")
    stream = io.BytesIO(joined)
    pictures = tuple(stream.read(max(0, size)) for size in sizes)
    return Canaries(pictures, embeddings.astype(np.float16), scores.astype(np.float64))


_ARRAYS = {
    "sizes": ArraySpec("<i8", 1),
    "pictures": ArraySpec("|u1", 1),
    "embeddings": ArraySpec("<f2", 2),
}
