"""Reference pictures as a package keeps them: what the network saw in each, so that later rounds learn from them too.

Only numbers travel with the package, never a picture: its embedding, its MD5, and the hash that tells its near copies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.errors import PackageError
from classifier.head import EMBEDDING_DTYPE
from classifier.package.npz_arrays import ArraySpec, read_arrays

MOST_REFERENCES = 200  # pictures
_MD5_BYTES = 16
_ARRAYS = {"vectors": ArraySpec("<f2", 2), "md5s": ArraySpec("|u1", 2), "hashes": ArraySpec("<u8", 1)}


@dataclass(frozen=True, slots=True, eq=False)
class References:
    """Pictures that show the target by a person's word; k of them."""

    vectors: npt.NDArray[np.float16]  # (k, d), by the package's network
    md5s: Sequence[str]  # of their files
    hashes: npt.NDArray[np.uint64]  # (k,) by `classifier.pictures.dhash`

    def __len__(self) -> int:
        return len(self.md5s)


def write_references(path: Path, references: References) -> None:
    """Write them as one `.npz` file without any pickled object."""
    digests = np.frombuffer(b"".join(map(bytes.fromhex, references.md5s)), dtype=np.uint8)
    np.savez(
        path,
        allow_pickle=False,
        vectors=references.vectors.astype(EMBEDDING_DTYPE),
        md5s=digests.reshape(-1, _MD5_BYTES),
        hashes=references.hashes.astype("<u8"),
    )


def parse_references(content: bytes, path: Path, dimension: int) -> References:
    """What `write_references` wrote; the path is for messages.

    Args:
        content: of the file.
        path: of the file.
        dimension: length of the network's embedding.

    Raises:
        PackageError: it holds no references of such a network.
    """
    try:
        arrays = read_arrays(content, _ARRAYS)
    except ValueError as error:
        raise PackageError(f"{path} holds no reference pictures: {error}") from error
    vectors, md5s, hashes = (arrays[name] for name in _ARRAYS)
    count = len(hashes)
    if not 1 <= count <= MOST_REFERENCES:
        raise PackageError(f"{path}: {count} reference pictures, expected 1 to {MOST_REFERENCES}")
    if vectors.shape != (count, dimension) or md5s.shape != (count, _MD5_BYTES):
        raise PackageError(f"{path}: embeddings {vectors.shape}, MD5s {md5s.shape} and {count} hashes differ")
    if not np.isfinite(vectors).all():
        raise PackageError(f"{path}: an embedding is not finite")
    names = [bytes(row).hex() for row in md5s]
    return References(vectors.astype(np.float16), names, hashes.astype(np.uint64))
