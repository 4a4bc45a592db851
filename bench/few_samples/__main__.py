"""Which way learns a character best from 5, 10 or 20 pictures: average precision with intervals, on the same draws.

    python -m bench.few_samples MODEL CLASSES [--draws 3] [--a-class 250] [--hidden 1 0.05] [--unnamed 0]

As `bench.references`: MODEL is the folder of a model package, whose network looks; CLASSES has one folder
a character. Each in turn is the target, with so many references and no tag; half of the rest is the gallery, 40 % of
everybody's tags missing, and the other half is measured on. Intervals (95 %) are of the mean over characters: they are
drawn anew with replacement, each with all its draws. scikit-learn, for the linear SVM, is a tool for development only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from bench.few_samples.methods import METHODS
from bench.references import HIDDEN, NUMBERS, Conditions, ReferenceGallery, drawn, looked_at, pictures_of
from classifier.metrics.quality import average_precision
from classifier.package.package import load_package

_RESAMPLED = 2000


def interval(by_character: npt.NDArray[np.float64]) -> tuple[float, float]:
    """The 95 % interval of the mean over characters, from their means, shape (k,)."""
    random = np.random.default_rng(0)
    means = by_character[random.integers(0, len(by_character), (_RESAMPLED, len(by_character)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def table(gallery: ReferenceGallery, characters: int, draws: int, like: Conditions) -> None:
    """Print a row a number of references and way."""
    print(f"{like.hidden:.0%} of the target's other pictures in the gallery, {like.unnamed} characters without a tag:")
    for number in NUMBERS:
        ranked: defaultdict[str, list[list[float]]] = defaultdict(list)
        seconds: defaultdict[str, float] = defaultdict(float)
        for target in range(characters):
            for seed in range(draws):
                draw = drawn(gallery, target, number, seed, like)
                for name, method in METHODS.items():
                    begun = time.process_time()
                    scores = method(draw.training_set)(gallery.vectors[draw.apart])
                    seconds[name] += time.process_time() - begun
                    found = ranked[name]
                    if seed == 0:
                        found.append([])
                    found[-1].append(average_precision(scores, draw.truth))
        for name, values in ranked.items():
            means = np.array(values).mean(axis=1)
            low, high = interval(means)
            print(
                f"{number:3} references, {name:40} {means.mean():.3f} ({low:.3f} to {high:.3f}), worst "
                f"{np.min(values):.3f}; {1000 * seconds[name] / (characters * draws):.0f} ms",
                flush=True,
            )


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a model package")
    parser.add_argument("classes", type=Path, help="folder with one folder a character")
    parser.add_argument("--draws", type=int, default=3, help="of references, for every character")
    parser.add_argument("--a-class", type=int, default=250, help="pictures a class, at most")
    parser.add_argument("--hidden", type=float, nargs="+", default=list(HIDDEN), help="shares of the target's pictures")
    parser.add_argument("--unnamed", type=int, default=0, help="other characters that no tag names")
    arguments = parser.parse_args()
    package = load_package(arguments.model)
    gallery, names = asyncio.run(looked_at(package, pictures_of(arguments.classes, arguments.a_class)))
    print(f"{len(gallery.labels)} pictures of {len(names)} classes, {gallery.vectors.shape[1]} numbers each")
    for hidden in arguments.hidden:
        table(gallery, len(names), arguments.draws, Conditions(hidden, arguments.unnamed))


if __name__ == "__main__":
    main()
