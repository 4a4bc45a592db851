"""How fast similar pictures are found among a million: `python -m bench.retrieval [--posts N] [--root DIR] [--graph]`.

Prints, from one run on one machine:
- how long the matrix takes to be made from the database, to be opened again, and to take in a thousand later pictures;
- what a search takes, as `crawl similar` and the page do it: the product, the database's word on the best, their
  whole embeddings; without terms, with a rating, with a target, and with a tag that one in ten thousand carries;
- the same question to a pass over the stored vectors, and to faiss where it is installed by hand (`pip install
  faiss-cpu`); all give the nearest by the cosine, without terms;
- how many of the ten nearest an index finds that a search of everything finds.

On a busy machine compare milliseconds of the wall within one run only; the processors' time is of all threads.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the program does; a search has two threads of its own

import numpy as np
import psutil

from bench.retrieval.gallery import NETWORK, filled
from bench.retrieval.sides import Side, library_sides, stored_pass
from rounds.retrieval.neighbours import Neighbours, Terms
from storage.archive import open_reader
from storage.reader import Reader
from storage.search.language import parse

_QUERIES = 40
_SLOW_QUERIES = 3


def timed(ask: Callable[[int], object], count: int) -> str:
    """What a question takes, for people: median and 95th percentile of the wall, median of all processors' time."""
    ask(0)
    times, busy = [], []
    for number in range(count):
        began, before = time.perf_counter(), time.process_time()
        ask(number)
        times.append(1000 * (time.perf_counter() - began))
        busy.append(1000 * (time.process_time() - before))
    p50, p95 = float(np.median(times)), float(np.quantile(times, 0.95))
    return f"p50 {p50:8.1f} ms   p95 {p95:8.1f} ms   processors {float(np.median(busy)):8.1f} ms"


def ours(reader: Reader, neighbours: Neighbours, versions: Sequence[int]) -> None:
    """Print what searches take."""
    asked = [neighbours.vector_of(version) for version in versions]
    vectors = [vector for vector in asked if vector is not None]
    kinds = {
        "no terms": Terms(),
        "rating:g (30 %)": Terms(reader.meant(parse("rating:g"))),
        "--keep mona (10 %)": Terms(target="mona"),
        "rating:e --keep mona (none)": Terms(reader.meant(parse("rating:e")), "mona"),
        "rare_tag (0.01 %)": Terms(reader.meant(parse("rare_tag"))),
    }
    product = timed(lambda n: neighbours.index.rows.similarities(rows_of(neighbours, vectors[n])), _QUERIES)
    print(f"ours, the product alone            {product}")
    for name, terms in kinds.items():
        count = _QUERIES if "none" not in name and "rare" not in name else 8
        taken = timed(lambda n, terms=terms: neighbours.nearest(vectors[n], 10, terms), count)
        print(f"ours, {name:28} {taken}", flush=True)


def rows_of(neighbours: Neighbours, vector: np.ndarray) -> np.ndarray:
    """A query's row, shape (k,)."""
    transform = neighbours.index.rows.transform
    return np.asarray(transform.rows(transform.whole(vector[None]))[0])


def others(sides: Sequence[Side], neighbours: Neighbours, versions: Sequence[int]) -> None:
    """Print what the other ways take, and how much of the ten nearest they find."""
    vectors = [vector for vector in map(neighbours.vector_of, versions) if vector is not None]
    truth = [{one.version_id for one in neighbours.nearest(vector, 10)} for vector in vectors[:_SLOW_QUERIES]]
    for side in sides:
        stored = side.build_s == 0.0
        count = _SLOW_QUERIES if stored else _QUERIES
        queries = [vector.astype(np.float32) if stored else rows_of(neighbours, vector) for vector in vectors]
        taken = timed(lambda n, ask=side.ask, queries=queries: ask(queries[n]), count)
        found = np.mean([len(truth[n] & set(side.ask(queries[n]).tolist())) / 10 for n in range(_SLOW_QUERIES)])
        line = f"{side.name:34} {taken}; built in {side.build_s:.1f} s, "
        recall = "by the plain cosine" if stored else f"{found:.2f} of the ten nearest"
        print(f"{line}{side.megabytes:,.0f} MB, {recall}", flush=True)


def measure(root: Path, *, graph: bool) -> None:
    """Print everything about a filled gallery."""
    process = psutil.Process()
    with open_reader(root) as reader:
        for path in (root / "vectors").glob("*.f32"):
            path.unlink()
        for words in ("made", "opened again"):
            began, before = time.perf_counter(), process.cpu_times().user
            neighbours = Neighbours(reader, NETWORK)
            seconds, busy = time.perf_counter() - began, process.cpu_times().user - before
            if words == "made":
                neighbours.index.close()
                print(f"matrix {words} in {seconds:.1f} s ({busy:.1f} s of processor time)")
        size = neighbours.index.path.stat().st_size / 1e6
        rows = len(neighbours.index.rows)
        print(f"matrix opened again in {1000 * seconds:.0f} ms: {rows:,} rows, {size:,.0f} MB mapped")
        versions = np.random.default_rng(1).integers(1, rows, _QUERIES).tolist()
        ours(reader, neighbours, versions)
        memory = process.memory_full_info()
        own = memory.uss / 1e6 - size
        print(f"memory beside the mapped file, which the system keeps or drops as it likes: {own:,.0f} MB")
        part = neighbours.index.rows.parts[0]
        sides = [stored_pass(root / "crawl.db")]
        others(sides, neighbours, versions)
        sides = library_sides(np.ascontiguousarray(part.rows), np.ascontiguousarray(part.version_ids), graph=graph)
        others(sides, neighbours, versions)
        neighbours.index.close()


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=1_000_000)
    parser.add_argument("--root", type=Path, help="keep the gallery here, and use it again")
    parser.add_argument("--graph", action="store_true", help="faiss' graph as well, which takes minutes to build")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-retrieval-") as folder:
        root = arguments.root or Path(folder) / "root"
        if not (root / "crawl.db").exists():
            began = time.perf_counter()
            filled(root, arguments.posts)
            print(f"{arguments.posts:,} embeddings written in {time.perf_counter() - began:.0f} s")
        print(f"load of the machine {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
        measure(root, graph=arguments.graph)


if __name__ == "__main__":
    main()
