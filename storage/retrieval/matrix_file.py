"""The file of the matrix: a header that says whose it is, the transform, and one record a row.

A record is a row of float32 and, behind it, the id of its row in the database and that of its file version; so a row
and what it belongs to are written together, and the rows can be multiplied where they lie. Rows are only ever appended:
first the records, flushed, then the header that counts them. Whoever is killed in between leaves records that nobody
counts; a header that is not what its checksum says makes the file as good as none. A file is replaced by renaming, so
those who have the old one mapped go on with it. Nothing is ever cut off a file that others may have mapped.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.retrieval.transform import Transform, Vectors

HEADER = 4096  # bytes
_MAGIC = b"boorusieve vectors 1\n"
_IDS = 4  # float32 places that hold two int64
_FLOAT = 4  # bytes
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class NotUsable(Exception):
    """The file is missing, damaged, of another gallery or network, or of an earlier version of the program."""


@dataclass(frozen=True, slots=True)
class MatrixFacts:
    """What the header says."""

    gallery: str  # its identity
    network: str  # hash of what gave the embeddings
    dimension: int  # of an embedding
    columns: int  # of a row
    rows: int
    through: int  # id of the newest embedding of any network that was looked at
    fitted_on: int  # rows that there were when the transform was fitted


@dataclass(frozen=True, slots=True, eq=False)
class MappedMatrix:
    """A matrix as it lies in its file, or in memory; n rows."""

    facts: MatrixFacts
    transform: Transform
    records: npt.NDArray[np.float32]  # (n, k + 4)

    @property
    def rows(self) -> Vectors:
        """Shape (n, k)."""
        return self.records[:, : self.facts.columns]

    @property
    def embedding_ids(self) -> npt.NDArray[np.int64]:
        """Shape (n,), rising."""
        return self._ids()[:, 0]

    @property
    def version_ids(self) -> npt.NDArray[np.int64]:
        """Shape (n,)."""
        return self._ids()[:, 1]

    def _ids(self) -> npt.NDArray[np.int64]:
        return self.records[:, self.facts.columns :].view(np.int64)


def records_of(rows: Vectors, embedding_ids: npt.NDArray[np.int64], version_ids: npt.NDArray[np.int64]) -> Vectors:
    """Records, shape (n, k + 4), of rows, shape (n, k), and their ids, shape (n,)."""
    ids = np.stack([embedding_ids, version_ids], axis=1).astype(np.int64)
    return np.ascontiguousarray(np.hstack([rows.astype(np.float32), ids.view(np.float32)]))


def opened(path: Path) -> MappedMatrix:
    """Map a file for reading.

    Raises:
        NotUsable: it is not there, or not whole.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_LINKS)
    except OSError as error:
        raise NotUsable(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        head = file.read(HEADER)
        facts = _facts_in(head)
        start = _records_at(facts)
        width = facts.columns + _IDS
        if os.fstat(file.fileno()).st_size < start + facts.rows * width * _FLOAT:
            raise NotUsable(f"{path}: is cut")
        body = file.read(start - HEADER)[: _numbers_of_transform(facts) * _FLOAT]
        if hashlib.sha256(body).hexdigest() != _parsed(head)["transform"]:
            raise NotUsable(f"{path}: its transform is not whole")
        transform = _transform_in(body, facts)
        if not facts.rows:
            return MappedMatrix(facts, transform, np.zeros((0, width), dtype=np.float32))
        records = np.memmap(file, dtype=np.float32, mode="r", offset=start, shape=(facts.rows, width))
        return MappedMatrix(facts, transform, np.asarray(records))


def created(path: Path, facts: MatrixFacts, transform: Transform) -> None:
    """Make a file without rows, in place of whatever has the name.

    Raises:
        OSError: it cannot be written.
    """
    body = (
        np.concatenate([transform.centre, transform.matrix.ravel(), transform.directions.ravel()])
        .astype("<f4")
        .tobytes()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_LINKS, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_header(replace(facts, rows=0), hashlib.sha256(body).hexdigest()))
        file.write(body.ljust(_records_at(facts) - HEADER, b"\0"))


def appended(path: Path, matrix: MatrixFacts, records: Vectors, through: int, *, fitted: bool = False) -> MatrixFacts:
    """Write records behind those that are counted, and count them; gives the new facts.

    Args:
        path: of the file.
        matrix: what its header says.
        records: shape (m, k + 4), perhaps none.
        through: id of the newest embedding of any network that was looked at.
        fitted: the transform was fitted to all that the file holds now.

    Raises:
        OSError: there is no room, or the disk fails; the file holds what it held.
        NotUsable: the file is not the one of these facts any more.
    """
    descriptor = os.open(path, os.O_RDWR | _NO_LINKS)
    with os.fdopen(descriptor, "r+b") as file:
        head = file.read(HEADER)
        if _facts_in(head) != matrix:
            raise NotUsable(f"{path}: was changed by another program")
        rows = matrix.rows + len(records)
        after = replace(matrix, rows=rows, through=through, fitted_on=rows if fitted else matrix.fitted_on)
        file.seek(_records_at(matrix) + matrix.rows * (matrix.columns + _IDS) * _FLOAT)
        file.write(records.astype("<f4", copy=False).tobytes())
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        file.write(_header(after, _parsed(head)["transform"]))
        file.flush()
        os.fsync(file.fileno())
    return after


def _records_at(facts: MatrixFacts) -> int:
    """Where the first record begins: behind header and transform, at a whole page."""
    return HEADER + -(-_numbers_of_transform(facts) * _FLOAT // HEADER) * HEADER


def _numbers_of_transform(facts: MatrixFacts) -> int:
    return facts.dimension * (1 + facts.dimension + _directions(facts))


def _directions(facts: MatrixFacts) -> int:
    return facts.columns if facts.columns != facts.dimension else 0


def _header(facts: MatrixFacts, transform: str) -> bytes:
    text = json.dumps(asdict(facts) | {"transform": transform}, sort_keys=True).encode()
    return (_MAGIC + hashlib.sha256(text).hexdigest().encode() + b"\n" + text + b"\n").ljust(HEADER, b"\0")


def _parsed(head: bytes) -> dict[str, Any]:
    """What a header holds.

    Raises:
        NotUsable: it is none, or not what its checksum says.
    """
    magic, rest = head[: len(_MAGIC)], head[len(_MAGIC) :].rstrip(b"\0")
    checksum, _, text = rest.partition(b"\n")
    text = text.removesuffix(b"\n")
    if magic != _MAGIC or len(head) != HEADER or hashlib.sha256(text).hexdigest().encode() != checksum:
        raise NotUsable("the header is not whole")
    facts: dict[str, Any] = json.loads(text)
    return facts


def _facts_in(head: bytes) -> MatrixFacts:
    facts = _parsed(head)
    return MatrixFacts(**{name: facts[name] for name in MatrixFacts.__dataclass_fields__})


def _transform_in(body: bytes, facts: MatrixFacts) -> Transform:
    dimension = facts.dimension
    numbers = np.frombuffer(body, dtype="<f4").astype(np.float32)
    centre, matrix, directions = np.split(numbers, [dimension, dimension * (1 + dimension)])
    return Transform(centre, matrix.reshape(dimension, dimension), directions.reshape(dimension, _directions(facts)))
