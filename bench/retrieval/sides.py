"""The other ways to find the nearest of many vectors: a pass over the stored ones, and an index library's."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.retrieval.gallery import DIMENSION

Rows = npt.NDArray[np.float32]
_PAGE = 20_000


@dataclass(frozen=True, slots=True)
class Side:
    """One way, ready to be asked."""

    name: str
    build_s: float
    megabytes: float  # that it holds
    ask: Callable[[Rows], npt.NDArray[np.int64]]  # a query, shape (d,) -> ids of the ten nearest


def stored_pass(database: Path) -> Side:
    """Read every stored vector for each question, as little memory as there can be."""

    def ask(query: Rows) -> npt.NDArray[np.int64]:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            cursor = connection.execute("SELECT version_id, vector FROM embedding")
            best: list[tuple[float, int]] = []
            while rows := cursor.fetchmany(_PAGE):
                vectors = np.frombuffer(b"".join(row[1] for row in rows), dtype="<f2").astype(np.float32)
                vectors = vectors.reshape(len(rows), DIMENSION)
                near = vectors @ query / np.linalg.norm(vectors, axis=1)
                for place in np.argpartition(-near, 10)[:10].tolist():
                    best.append((float(near[place]), rows[place][0]))
        return np.array([number for _, number in sorted(best, reverse=True)[:10]])

    return Side("a pass over the stored vectors", 0.0, 0.0, ask)


def library_sides(rows: Rows, ids: npt.NDArray[np.int64], *, graph: bool) -> list[Side]:
    """What faiss makes of the same rows, where it is installed by hand; on two threads, as ours."""
    try:
        import faiss  # type: ignore[import-not-found]
    except ImportError:
        print("faiss-cpu is not installed: pip install faiss-cpu shows its side, too")
        return []
    faiss.omp_set_num_threads(2)
    kinds: Mapping[str, tuple[str, float]] = {
        "faiss, whole": ("Flat", 4.0),
        "faiss, 8 bits": ("SQ8", 1.0),
        "faiss, graph of 8 bits": ("HNSW16_SQ8", 1.3),
    }
    chosen = {name: kind for name, kind in kinds.items() if graph or "graph" not in name}
    return [_library_side(faiss, name, *kind, rows, ids) for name, kind in chosen.items()]


def _library_side(faiss: Any, name: str, kind: str, bytes_each: float, rows: Rows, ids: npt.NDArray[np.int64]) -> Side:
    began = time.perf_counter()
    index = faiss.index_factory(rows.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:100_000])
    index.add(np.ascontiguousarray(rows))
    built = time.perf_counter() - began

    def ask(query: Rows) -> npt.NDArray[np.int64]:
        return np.asarray(ids[index.search(query[None], 10)[1][0]])

    return Side(name, built, bytes_each * rows.size / 1e6, ask)
