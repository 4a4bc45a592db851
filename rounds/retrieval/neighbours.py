"""The pictures nearest to one: every row of the matrix first, then what the database says of the best of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from rounds.retrieval.metric import fit_by_tags
from storage.reader import Reader
from storage.retrieval.embedding_rows import all_fitting, fitting, vectors_of
from storage.retrieval.transform import Stored, Transform, Vectors, stacked
from storage.retrieval.vector_index import MatrixRows, VectorIndex
from storage.search.language import And, Query

Numbers: TypeAlias = npt.NDArray[np.float32]  # (n,), of every row
Places: TypeAlias = npt.NDArray[np.int64]  # (m,), of rows
_LOOKS = (128, 640, 2048)  # the database is asked about so many of the best rows, then about the next ones
_SPARE = 4  # times as many as are wanted are compared by their whole embeddings, where rows are a part of these
_SAMPLED = 64  # every so many numbers say where the highest begin


@dataclass(frozen=True, slots=True)
class Terms:
    """What else holds for the pictures that are wanted; without anything, that they are their posts' present ones."""

    query: Query = field(default_factory=lambda: Query(And()))  # by `Reader.meant`; no order
    target: str | None = None  # only what was looked at for it


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A picture, and how like the one that was asked about it is."""

    version_id: int
    similarity: float  # -1..1; the cosine in the gallery's space


class Neighbours:
    """Search by one network's embeddings; use it with `with`. Every method may be called from any thread."""

    def __init__(self, reader: Reader, network: str) -> None:
        """Open the matrix, or make it.

        Raises:
            NoEmbeddings: the network has looked at no picture.
        """
        self._reader, self.network = reader, network
        self.index = VectorIndex(reader, network, fit_by_tags(reader))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.index.close()

    def vector_of(self, version_id: int) -> Stored | None:
        """The embedding of a picture, shape (d,); None: the network has not looked at it."""
        stored = self._reader.ask(lambda c: vectors_of(c, self.network, [version_id])).get(version_id)
        return None if stored is None else stacked([stored], len(stored) // 2)[0]

    def nearest(
        self, vector: Stored, count: int, terms: Terms | None = None, *, leave_out: Set[int] = frozenset()
    ) -> list[Neighbour]:
        """The most alike pictures, the nearest first.

        Args:
            vector: an embedding, shape (d,).
            count: how many at most.
            terms: what else they are to be; None: anything.
            leave_out: ids of file versions that are not wanted.

        Raises:
            ValueError: the embedding is of another length than the network's.
            QueryError: a term cannot be evaluated; it names the term.
        """
        self.index.refresh()
        found = self._nearest(vector, count, terms or Terms(), leave_out)
        if found is None:  # the matrix is not what the database has
            self.index.rebuild()
            found = self._nearest(vector, count, terms or Terms(), leave_out)
        return found or []

    def _nearest(self, vector: Stored, count: int, terms: Terms, leave_out: Set[int]) -> list[Neighbour] | None:
        rows = self.index.rows
        transform = rows.transform
        if vector.shape != (transform.dimension,):
            raise ValueError(f"expected an embedding of {transform.dimension} numbers, got {vector.shape}")
        whole = transform.whole(vector[None, :])[0]
        near = rows.similarities(transform.rows(whole))
        places, stored = self._reader.ask(lambda c: self._found(c, rows, near, _Wanted(terms, leave_out, count)))
        if rows.differing(places, stored):
            return None
        return _ranked(transform, whole, stored)[:count]

    def _found(
        self, connection: Connection, rows: MatrixRows, near: Numbers, wanted: _Wanted
    ) -> tuple[Places, Mapping[int, bytes]]:
        """The best rows that fit, more than are wanted, and what is stored of them."""
        places = np.zeros(0, dtype=np.int64)
        most = wanted.count * (_SPARE if rows.transform.directions.shape[1] else 1)
        for fitting_ones in _looks(connection, rows, near, wanted):
            places = fitting_ones[:most]
            if len(places) >= wanted.count:
                break
        return places, vectors_of(connection, self.network, rows.version_ids(places).tolist())


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a search is to find."""

    terms: Terms
    leave_out: Set[int]
    count: int


def _looks(connection: Connection, rows: MatrixRows, near: Numbers, wanted: _Wanted) -> Iterator[Places]:
    """Rows that fit, the best first: of the best few, of more and more, at last of all."""
    now, terms = datetime.now(UTC), wanted.terms
    widths = [width for look in _LOOKS if (width := max(look, 2 * _SPARE * wanted.count)) < len(near)]
    best = highest(near, widths[-1]) if widths else np.zeros(0, dtype=np.int64)
    versions, found, asked = rows.version_ids(best), np.zeros(0, dtype=np.int64), 0
    for width in widths:
        these = slice(asked, width)
        if asked < width:
            fit = fitting(connection, versions[these].tolist(), terms.query, terms.target, now) - wanted.leave_out
            fresh = np.isin(versions[these], np.array(sorted(fit), dtype=np.int64))
            found, asked = np.concatenate([found, best[these][fresh]]), width
            yield found
    fit = all_fitting(connection, terms.query, terms.target, now) - wanted.leave_out
    every = np.flatnonzero(np.isin(rows.version_ids(), np.fromiter(fit, dtype=np.int64, count=len(fit))))
    yield every[np.argsort(-near[every], kind="stable")]


def _ranked(transform: Transform, whole: Vectors, stored: Mapping[int, bytes]) -> list[Neighbour]:
    """Pictures by their whole embeddings, the nearest first."""
    if not stored:
        return []
    near = transform.whole(stacked(list(stored.values()), transform.dimension)) @ whole
    pairs = zip(stored, near.tolist(), strict=True)
    return sorted((Neighbour(*pair) for pair in pairs), key=lambda one: (-one.similarity, one.version_id))


def highest(numbers: Numbers, count: int) -> Places:
    """Where the highest numbers are, the highest first; fewer than there are numbers.

    A sample says from where on to look: to sort a million parts takes ten times as long as to compare them.
    """
    sample = numbers[::_SAMPLED]
    rank = min(len(sample) - 1, 2 * count // _SAMPLED + 8)
    places = np.flatnonzero(numbers >= np.partition(sample, len(sample) - 1 - rank)[len(sample) - 1 - rank])
    if len(places) < count:
        places = np.arange(len(numbers))
    best = places[np.argpartition(numbers[places], len(places) - count)[-count:]]
    return np.asarray(best[np.argsort(-numbers[best], kind="stable")])
