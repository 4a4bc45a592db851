"""How long a round of the head alone takes: splits, learning from 5,000 labels, and scoring 100,000 posts again.

    python -m bench.head_only

Made-up embeddings as wide as the default network's; the gallery is on disk, and rescoring includes its database:
reading the embeddings, the product, the decisions, and filing them. Splits are those of a first round, which assigns
them all: grouping copies of one drawing, assigning, storing. Goals: 10 s to learn, splits included, and 5 s to score
again, on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from bench.samples.rescoring_gallery import TARGET, filled_gallery, made_up
from classifier.head import Head
from classifier.heads.head_training import learn_head
from classifier.heads.logistic_head import starting_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import HeadPlan, HeadTrainingSet
from crawler.decisions import Policy
from rounds.examples.frozen_splits import assigned_splits, groups_of, splits_of
from rounds.rescoring.rescore import rescore
from storage.archive import Archive, open_reader
from storage.evidence import SplitAssignments
from storage.records import ModelCard

WIDTH = 224  # numbers of an embedding: features and log odds of the default network
BACKBONE = "b" * 64
LEARNING_S, RESCORING_S = 10.0, 5.0


def learning(labels: int) -> float:
    """Seconds for a head from so many labels, among twice as many pictures with and without tags."""
    vectors, shows = made_up(3 * labels, WIDTH, seed=1)
    random = np.random.default_rng(2)
    label_sources = np.where(shows, LabelSource.TAGGED, LabelSource.OTHERS).astype(np.int8)
    label_sources[random.random(len(label_sources)) < 0.4] = LabelSource.NOTHING
    label_sources[:labels] = np.where(shows[:labels], LabelSource.KEEP, LabelSource.DELETE)
    training_set = HeadTrainingSet(
        target="kiara",
        noisy_labels=NoisyLabels(
            vectors.astype(np.float64), label_sources, np.arange(len(label_sources), dtype=np.int64)
        ),
        split=random.choice(3, len(label_sources), p=(0.7, 0.15, 0.15)).astype(np.int8),
        untagged=label_sources == LabelSource.NOTHING,
        start=starting_head(WIDTH, None),
    )
    begun = time.perf_counter()
    learned = learn_head(training_set, HeadPlan())
    seconds = time.perf_counter() - begun
    print(f"learning from {labels} labels among {len(label_sources)} pictures: {seconds:.2f} s (goal {LEARNING_S:.0f})")
    print(f"    measured: precision {learned.quality.precision}, recall {learned.quality.recall}")
    return seconds


async def dealing(root: Path) -> float:
    """Seconds for assigning a split to each picture of a gallery."""
    with open_reader(root) as reader:
        evidence = reader.evidence(TARGET, BACKBONE)
    begun = time.perf_counter()
    groups = groups_of(evidence)
    split = splits_of(evidence, groups, {})
    dealt = time.perf_counter()
    async with Archive.open(root) as archive:
        opened = time.perf_counter()
        await archive.file_assignments(SplitAssignments(TARGET.name, evidence.version_ids, assigned_splits(split)))
        remembered = time.perf_counter() - opened
    seconds = dealt - begun + remembered
    print(
        f"assigning the splits of {len(evidence)} pictures of {groups.max() + 1} drawings: {seconds:.2f} s: "
        f"dealing {dealt - begun:.2f}, remembering {remembered:.2f}"
    )
    return seconds


async def rescoring(root: Path) -> float:
    """Seconds for scoring a whole gallery again."""
    head = Head(np.random.default_rng(3).normal(size=WIDTH).astype(np.float32) / 8, 0.0)
    card = ModelCard(TARGET.name, 1, "a" * 64, BACKBONE, 0.5)
    begun = time.perf_counter()
    with open_reader(root) as reader:
        evidence = reader.evidence(TARGET, BACKBONE)
    read = time.perf_counter()
    async with Archive.open(root) as archive:
        opened = time.perf_counter()
        done = await rescore(archive, evidence, TARGET, (card, head), Policy())
        scored = time.perf_counter()
    seconds = scored - opened + read - begun
    print(
        f"scoring {done.posts} posts again: {seconds:.2f} s (goal {RESCORING_S:.0f}): reading {read - begun:.2f}, "
        f"scoring, deciding and filing {scored - opened:.2f}"
    )
    return seconds


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=5_000)
    parser.add_argument("--posts", type=int, default=100_000)
    arguments = parser.parse_args()
    learned = learning(arguments.labels)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        filled_gallery(root, arguments.posts, WIDTH, BACKBONE)
        dealt = asyncio.run(dealing(root))
        rescored = asyncio.run(rescoring(root))
    kept = learned + dealt <= LEARNING_S and rescored <= RESCORING_S
    print("both goals are met" if kept else "a goal is missed")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
