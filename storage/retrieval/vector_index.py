"""The vectors of one network, ready to be searched: what the matrix file has, and what the database has since.

The database is the truth. Each opening compares a sample of rows with it, and whoever searches compares the rows that
were found; a difference makes the file anew. Rows that cannot be written (somebody else is writing, the disk is full,
the root is read-only) are held in memory, so a search never lacks one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from storage.errors import NoEmbeddings
from storage.files.layout import VECTORS, require_folder
from storage.reader import Reader
from storage.retrieval.embedding_rows import (
    StoredEmbedding,
    embeddings_after,
    embeddings_with_ids,
    gallery_identity,
    newest_embedding,
    sampled_embeddings,
)
from storage.retrieval.matrix_file import MappedMatrix, MatrixFacts, NotUsable, appended, created, opened, records_of
from storage.retrieval.transform import Transform, Vectors, stacked
from system.file_lock import lock_if_free

_RUNS, _RUN_LENGTH = 64, 128  # the sample that a transform is fitted to
_PAGE = 20_000  # rows that are read and written at a time
_CHECKED = 64  # rows that each opening compares with the database
_TOLERANCE = 1e-3  # of a number of a row
_GROWTH = 2.0  # times the rows that the transform was fitted to; then it is fitted again
_THREADS = 2
_LEAST_A_THREAD = 20_000  # rows
_END = ".f32"


Fit: TypeAlias = Callable[[Sequence[StoredEmbedding]], Transform]  # to a sample; not empty


@dataclass(frozen=True, slots=True, eq=False)
class MatrixRows:
    """The rows as they were at one moment, n of them: what a search goes by from its beginning to its end."""

    parts: Sequence[MappedMatrix]  # what lies in the file, and what is held in memory
    pool: ThreadPoolExecutor

    def __len__(self) -> int:
        return sum(len(part.records) for part in self.parts)

    @property
    def transform(self) -> Transform:
        """What makes rows of embeddings."""
        return self.parts[0].transform

    def similarities(self, query: Vectors) -> npt.NDArray[np.float32]:
        """Of a row, shape (k,), to every row, shape (n,): -1..1, or a little less where rows are cut short."""
        near = np.empty(len(self), dtype=np.float32)
        pieces = [piece for part in self.parts for piece in _pieces(part.rows)]
        ends = np.cumsum([len(piece) for piece in pieces])[:-1]
        list(self.pool.map(partial(_product, query), pieces, np.split(near, ends)))
        return near

    def version_ids(self, places: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
        """Of these rows, shape (m,); None: of every row, which reads the whole file."""
        if places is None:
            return np.concatenate([part.version_ids for part in self.parts])
        found = np.zeros(len(places), dtype=np.int64)
        for part, mine, own in self._own(places):
            found[mine] = part.version_ids[own]
        return found

    def differing(self, places: npt.NDArray[np.int64], stored: Mapping[int, bytes]) -> bool:
        """Whether any of these rows is not what the database has for its file version."""
        return not all(
            _agree(part, own, [stored.get(int(version), b"") for version in part.version_ids[own]])
            for part, _, own in self._own(places)
        )

    def _own(
        self, places: npt.NDArray[np.int64]
    ) -> Iterator[tuple[MappedMatrix, npt.NDArray[np.bool_], npt.NDArray[np.int64]]]:
        """By part which of these places are its own, and where they are in it."""
        start = 0
        for part in self.parts:
            mine = (places >= start) & (places < start + len(part.records))
            yield part, mine, places[mine] - start
            start += len(part.records)


class VectorIndex:
    """Every row of one network's embeddings. Every method may be called from any thread."""

    def __init__(self, reader: Reader, network: str, fit: Fit, *, page: int = _PAGE) -> None:
        """Open the matrix, or make it, which takes a pass over the embeddings.

        Args:
            reader: of the gallery.
            network: hash of what gave the embeddings.
            fit: finds the space in which pictures are compared.
            page: rows that are read and written at a time.

        Raises:
            NoEmbeddings: the network has looked at no picture.
        """
        self._reader, self.network, self._fit, self._page = reader, network, fit, page
        name = hashlib.sha256(network.encode()).hexdigest()[:32]
        self.path = reader.root / VECTORS / f"{name}{_END}"
        self._changing = threading.Lock()
        self._gallery = reader.ask(gallery_identity)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="vectors")
        with self._changing, _sole_writer(self.path) as alone:
            self._rows = self._opened_or_made(alone=alone)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    @property
    def rows(self) -> MatrixRows:
        """Every row, as of now."""
        return self._rows

    @property
    def is_stored(self) -> bool:
        """Whether every row lies in the file; else they are read from the database once more next time."""
        return len(self._rows.parts) == 1 and self.path.exists()

    def refresh(self) -> bool:
        """Take in what was looked at since; says whether there was anything."""
        with self._changing:
            if self._reader.ask(newest_embedding) == self._rows.parts[-1].facts.through:
                return False
            with _sole_writer(self.path) as alone:
                self._rows = self._opened_or_made(alone=alone)  # others may have appended, too
            return True

    def rebuild(self) -> None:
        """Make everything anew: a row was not what the database has."""
        with self._changing, _sole_writer(self.path) as alone:
            self._rows = self._made(alone=alone)

    # --- opening -----------------------------------------------------------------------------------------------------

    def _opened_or_made(self, *, alone: bool) -> MatrixRows:
        try:
            matrix = opened(self.path)
            self._check(matrix)
            return self._up_to_date(matrix, alone=alone)
        except NotUsable:
            return self._made(alone=alone)

    def _check(self, matrix: MappedMatrix) -> None:
        """Compare what a file says with the database, at evenly spaced rows and at both ends.

        Raises:
            NotUsable: they differ.
        """
        facts = matrix.facts
        if (facts.gallery, facts.network) != (self._gallery, self.network):
            raise NotUsable("is of another gallery or network")
        if facts.through > self._reader.ask(newest_embedding):
            raise NotUsable("knows more than the database")
        places = np.unique(np.linspace(0, max(0, facts.rows - 1), _CHECKED).astype(np.int64))[: facts.rows]
        ids = matrix.embedding_ids[places].tolist()
        rows = {one.id: one for one in self._reader.ask(lambda c: embeddings_with_ids(c, self.network, ids))}
        same = [rows[one].version_id if one in rows else 0 for one in ids] == matrix.version_ids[places].tolist()
        if not same or not _agree(matrix, places, [rows[one].vector for one in ids]):
            raise NotUsable("a row is not what the database has")

    def _made(self, *, alone: bool) -> MatrixRows:
        """Every row anew: in a file that takes the old one's place when it is whole, or in memory."""
        sample = self._reader.ask(lambda c: sampled_embeddings(c, self.network, _RUNS, _RUN_LENGTH))
        if not sample:
            raise NoEmbeddings(f"network {self.network[:12]} has looked at no picture of {self._reader.root}")
        transform = self._fit(sample)
        facts = MatrixFacts(
            self._gallery, self.network, transform.dimension, transform.columns, rows=0, through=0, fitted_on=0
        )
        if alone:
            with contextlib.suppress(OSError, NotUsable):
                return self._of(self._written(facts, transform))
        empty = MappedMatrix(facts, transform, np.zeros((0, transform.columns + 4), dtype=np.float32))
        return self._of(empty, *self._in_memory(empty))

    def _of(self, *parts: MappedMatrix) -> MatrixRows:
        return MatrixRows(parts, self._pool)

    def _written(self, facts: MatrixFacts, transform: Transform) -> MappedMatrix:
        part = self.path.with_name(f"{self.path.name}.part")
        created(part, facts, transform)
        for records, through in self._later(facts, transform):
            facts = appended(part, facts, records, through, fitted=True)
        part.replace(self.path)
        return opened(self.path)

    def _up_to_date(self, matrix: MappedMatrix, *, alone: bool) -> MatrixRows:
        """A matrix and what came since, in its file where that can be written.

        Raises:
            NotUsable: the file has grown so much, or was changed so, that it must be made anew.
        """
        if not alone:
            return self._of(matrix, *self._in_memory(matrix))
        facts = matrix.facts
        try:
            for records, through in self._later(facts, matrix.transform):
                facts = appended(self.path, facts, records, through)
        except OSError:  # no room
            return self._of(matrix, *self._in_memory(matrix))
        if facts.rows > _GROWTH * facts.fitted_on:
            raise NotUsable("has grown")
        return self._of(matrix if facts == matrix.facts else opened(self.path))

    def _in_memory(self, matrix: MappedMatrix) -> Sequence[MappedMatrix]:
        """What a matrix lacks."""
        pages = list(self._later(matrix.facts, matrix.transform))
        if not pages:
            return ()
        records = np.concatenate([records for records, _ in pages])
        facts = replace(matrix.facts, rows=len(records), through=pages[-1][1])
        return (MappedMatrix(facts, matrix.transform, records),)

    def _later(self, facts: MatrixFacts, transform: Transform) -> Iterator[tuple[Vectors, int]]:
        """What the database has after these facts, in pages: records, and the id up to which they go."""
        newest, after = self._reader.ask(newest_embedding), facts.through
        while after < newest:
            rows = self._after(after)
            after = rows[-1].id if len(rows) == self._page else newest
            yield _records(rows, transform), after

    def _after(self, embedding_id: int) -> Sequence[StoredEmbedding]:
        return self._reader.ask(lambda c: embeddings_after(c, self.network, embedding_id, self._page))


def _records(rows: Sequence[StoredEmbedding], transform: Transform) -> Vectors:
    """Records of the rows that have the length which the transform wants; others are damaged, and left out."""
    rows = [row for row in rows if len(row.vector) == 2 * transform.dimension]
    vectors = transform.rows(transform.whole(stacked([row.vector for row in rows], transform.dimension)))
    ids = np.array([(row.id, row.version_id) for row in rows], dtype=np.int64).reshape(len(rows), 2)
    return records_of(vectors, ids[:, 0], ids[:, 1])


def _agree(matrix: MappedMatrix, places: npt.NDArray[np.int64], vectors: Sequence[bytes]) -> bool:
    """Whether rows are what these stored vectors give, and of the same number."""
    dimension = matrix.transform.dimension
    if any(len(vector) != 2 * dimension for vector in vectors):
        return False
    expected = matrix.transform.rows(matrix.transform.whole(stacked(vectors, dimension)))
    return bool((np.abs(matrix.rows[places] - expected) < _TOLERANCE).all())


@contextlib.contextmanager
def _sole_writer(path: Path) -> Iterator[bool]:
    """Whether this process alone may write the file, for the time of the block."""
    descriptor = -1
    try:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            require_folder(path.parent)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
            descriptor = os.open(path.with_suffix(".lock"), flags, 0o600)
            alone = lock_if_free(descriptor)
        except OSError:  # read-only, full, or a file system without locks
            alone = False
        yield alone
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _pieces(rows: Vectors) -> Sequence[Vectors]:
    """Rows cut for threads."""
    return np.array_split(rows, max(1, min(_THREADS, len(rows) // _LEAST_A_THREAD)))


def _product(query: Vectors, rows: Vectors, out: npt.NDArray[np.float32]) -> None:
    np.dot(rows, query, out=out)
