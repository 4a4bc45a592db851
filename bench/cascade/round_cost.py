"""What small renditions cost a round: heads learned from them and from large ones, judged on large ones.

    python -m bench.cascade.round_cost DIR --package GALLERY/models/kiara/1 [--train N] [--test N] [--seeds K]

A gallery that was crawled with a small rendition first holds small renditions of sure posts and large ones of doubtful
ones; a round learns from what is stored. Pictures are made as `python -m bench.cascade` makes them, half of them of the
target. For each draw a head is fitted to embeddings of 720x720 alone, of 180x180 alone, and of what the cascade leaves
of each, and all of them score the same other pictures by 720x720, and by what the cascade leaves.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.cascade.__main__ import BOXES, LARGE, SMALL, CascadeBench, encoded
from bench.illustrations import new_crops
from classifier.arrays import BoolArray, FloatArray
from classifier.heads.logistic_head import LinearHead, WeightedExamples, fit_head, starting_head
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.metrics.quality import average_precision
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import picture_array
from crawler.looks.margin import log_odds, margin_of

LEFT = "as the cascade leaves them"
KINDS = ("crop", "faces of 30% to 60%")
_L2 = 10.0


def looked_at(bench: CascadeBench, package: Package, count: int) -> tuple[Mapping[str, FloatArray], BoolArray]:
    """Embeddings of so many new pictures, by rendition, shape (count, d), and which of them show the target."""
    runtime, views = choose_runtime([package], RuntimeSettings()), []
    for number in range(count):
        picture = bench.picture(KINDS[number // 2 % 2], shows=bool(number % 2))
        boxes = {name: encoded(picture, int(name.split("x")[0]), *BOXES[name]) for name in (SMALL, LARGE)}
        views.append([picture_array(content, package.preprocessing) for content in boxes.values()])
    small, large = (np.concatenate([runtime.embed(one[None]) for one in side]) for side in zip(*views, strict=True))
    shows = np.arange(count) % 2 == 1
    sure = _sure(bench, package, small)
    print(f"{count} pictures, {np.mean(~sure):.1%} of them looked at twice")
    return {LARGE: large, SMALL: small, LEFT: np.where(sure[:, None], small, large)}, shows


def _sure(bench: CascadeBench, package: Package, small: npt.NDArray[np.float32]) -> BoolArray:
    odds = np.array([log_odds(score) for score in package.head.probabilities(small)])
    return np.abs(odds - log_odds(package.threshold)) >= margin_of(bench.card)


def measured(head: LinearHead, embeddings: FloatArray, shows: BoolArray) -> tuple[float, float]:
    """Average precision, and the share that is on the wrong side of one half."""
    logits = head.logits(embeddings)
    return average_precision(logits, shows), float(np.mean((logits >= 0) != shows))


def main() -> int:
    """Measure and print."""
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("folder", type=Path)
    read.add_argument("--package", type=Path, required=True)
    read.add_argument("--train", type=int, default=600)
    read.add_argument("--test", type=int, default=400)
    read.add_argument("--seeds", type=int, default=3, help="draws of the training pictures")
    options = read.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    package = load_package(options.package)
    bench = CascadeBench(package, new_crops(options.folder, package), seed=1)
    train, train_shows = looked_at(bench, package, 2 * options.train)
    test, test_shows = looked_at(bench, package, options.test)
    print(f"{'learned from':<30}{'scored by ' + LARGE:>28}{'scored ' + LEFT:>40}")
    for name, embeddings in train.items():
        found = []
        for seed in range(options.seeds):
            rows = np.random.default_rng(seed).permutation(len(train_shows))[: options.train]
            examples = WeightedExamples.of(embeddings[rows], train_shows[rows].astype(np.float64))
            head = fit_head(examples, _L2, starting_head(package.dimension, None))
            found.append([*measured(head, test[LARGE], test_shows), *measured(head, test[LEFT], test_shows)])
        ap, wrong, ap_left, wrong_left = np.mean(found, axis=0)
        print(f"{name:<30}{f'AP {ap:.4f}, wrong {wrong:.2%}':>28}{f'AP {ap_left:.4f}, wrong {wrong_left:.2%}':>40}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
