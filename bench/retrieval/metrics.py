"""By which measure of likeness the nearest pictures show the same character: `python -m bench.retrieval.metrics`.

    python -m bench.retrieval.metrics ROOT CLASSES

ROOT is a gallery that was crawled from the pictures of CLASSES, one folder a character (`crawl demo --from CLASSES
--hide 0.4`), with a `labels.csv` of `path`, `class` and `group`. Prints, for the network that has looked at most: the
share of the ten nearest that show the same character, pictures of the same group left out, by several measures; the
same for characters that the tags of the sample do not name; and how often a name is right that the nearest tagged
pictures give to a picture without a tag, by what `crawl similar` says of it.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from rounds.retrieval.metric import space_of
from rounds.retrieval.name_vote import named, reliability
from rounds.retrieval.neighbours import Neighbours
from storage.archive import open_reader
from storage.reader import Reader
from storage.retrieval.embedding_rows import sampled_embeddings
from storage.retrieval.transform import stacked
from storage.rows.evidence import pictures_by_network
from storage.rows.named_posts import sole_characters

NEAREST = 10
_ASKED = 400  # pictures without a tag that are named
_UNSEEN = 4  # characters at a time whose tags the space does not see
Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Pictures, and what they truly show; n rows."""

    versions: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float16]  # (n, d)
    truth: npt.NDArray[np.str_]  # (n,)
    groups: npt.NDArray[np.str_]  # (n,) near copies and crops of one drawing
    tags: list[str]  # the one character that tags name, "" for none or several


def known_of(reader: Reader, network: str, classes: Path) -> Known:
    """The gallery's pictures whose files are among the classes."""
    labels: dict[str, tuple[str, str]] = {}
    with (classes / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            content = (classes / row["path"]).read_bytes()
            labels[hashlib.md5(content, usedforsecurity=False).hexdigest()] = row["class"], row["group"]
    rows = reader.ask(lambda c: sampled_embeddings(c, network, 1, 10**6))
    posts = reader.sql("SELECT v.id, v.md5 FROM file_version v").rows
    md5s = {int(number): str(md5) for number, md5 in posts}
    usable = [row for row in rows if md5s.get(row.version_id) in labels]
    ids = [row.version_id for row in usable]
    tags = reader.ask(lambda c: sole_characters(c, ids))
    found = [labels[md5s[number]] for number in ids]
    return Known(
        np.array(ids),
        stacked([row.vector for row in usable], len(usable[0].vector) // 2),
        np.array([one for one, _ in found]),
        np.array([group for _, group in found]),
        [tags.get(number, "") for number in ids],
    )


def precision(known: Known, rows: Rows, among: npt.NDArray[np.bool_]) -> float:
    """The share of the ten nearest that show the same character, in the mean over some of the pictures."""
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    shares = []
    for row in np.flatnonzero(among).tolist():
        near = rows @ rows[row]
        near[known.groups == known.groups[row]] = -2.0
        best = np.argpartition(-near, NEAREST)[:NEAREST]
        shares.append(float((known.truth[best] == known.truth[row]).mean()))
    return float(np.mean(shares))


def in_space(known: Known, names: list[str]) -> Rows:
    """The pictures in the space of these names."""
    centre, matrix = space_of(known.vectors, names)
    return np.asarray((known.vectors.astype(np.float32) - centre) @ matrix)


def measures(known: Known) -> Mapping[str, Callable[[], Rows]]:
    """The ways to compare, by name."""
    numbers = known.vectors.astype(np.float32)
    middle, width = numbers.mean(axis=0), np.maximum(numbers.std(axis=0), 1e-4)
    return {
        "cosine": lambda: numbers,
        "cosine, centred": lambda: numbers - middle,
        "cosine, standardised": lambda: (numbers - middle) / width,
        "cosine, by the root of the deviation": lambda: (numbers - middle) / np.sqrt(width),
        "cosine in the space of tagged characters": lambda: in_space(known, known.tags),
    }


def print_measures(known: Known) -> None:
    """Print a line a measure, and the space on characters that it has not seen."""
    untagged = np.array([not tag for tag in known.tags])
    every = np.ones(len(untagged), dtype=np.bool_)
    for name, rows_of in measures(known).items():
        rows = rows_of()
        print(f"{name:42} {precision(known, rows, every):.3f}; without a tag {precision(known, rows, untagged):.3f}")
    characters = np.unique(known.truth)
    found, plain = [], []
    for start in range(0, len(characters), _UNSEEN):
        unseen = np.isin(known.truth, characters[start : start + _UNSEEN])
        names = ["" if out else tag for tag, out in zip(known.tags, unseen.tolist(), strict=True)]
        found.append(precision(known, in_space(known, names), unseen))
        plain.append(precision(known, known.vectors.astype(np.float32), unseen))
    print(f"characters that no tag names: cosine {np.mean(plain):.3f}, in the space of the others {np.mean(found):.3f}")


def print_names(reader: Reader, neighbours: Neighbours, known: Known) -> None:
    """Print how often names are right, and what was said of them."""
    untagged = np.flatnonzero([not tag for tag in known.tags])
    asked = np.random.default_rng(0).permutation(untagged)[:_ASKED]
    how_good = reliability(reader, neighbours)
    tag_of = {truth: tag for truth, tag in zip(known.truth.tolist(), known.tags, strict=True) if tag}
    right, said, strange = [], [], []
    for row in asked.tolist():
        own = frozenset(known.versions[known.groups == known.groups[row]].tolist())
        vote, _ = named(reader, neighbours, known.vectors[row], leave_out=own)
        expected = None if vote is None else how_good.of(vote)
        if vote is not None and expected is not None:
            right.append(vote.name == tag_of[str(known.truth[row])])
            said.append(expected[0])
            strange.append(how_good.is_strange(vote))
    hits, claims, odd = np.array(right), np.array(said), np.array(strange)
    print(
        f"{len(hits)} pictures without a tag are named rightly at {hits.mean():.3f}; it was said at {claims.mean():.3f}"
    )
    for low, high in ((0.0, 0.7), (0.7, 0.9), (0.9, 0.98), (0.98, 1.01)):
        some = (claims >= low) & (claims < high)
        if some.any():
            print(f"  said {claims[some].mean():.3f} of {int(some.sum())}: right {hits[some].mean():.3f}")
    if odd.any():
        print(f"  like nobody, it said, of {int(odd.sum())}: right {hits[odd].mean():.3f}")


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="the gallery")
    parser.add_argument("classes", type=Path, help="folder with one folder a character, and labels.csv")
    arguments = parser.parse_args()
    with open_reader(arguments.root) as reader:
        looked_at = reader.ask(pictures_by_network)
        network = max(looked_at, key=lambda one: looked_at[one])
        known = known_of(reader, network, arguments.classes)
        characters = len(np.unique(known.truth))
        print(f"{len(known.versions)} pictures, {known.vectors.shape[1]} numbers each, {characters} characters")
        print_measures(known)
        with Neighbours(reader, network) as neighbours:
            print_names(reader, neighbours, known)


if __name__ == "__main__":
    main()
