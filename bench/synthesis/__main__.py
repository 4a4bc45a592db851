"""Average precision of a character with 20, 50 or 100 real pictures, with and without painted ones, from one run.

    python -m bench.synthesis DIR --target kiara --set filters=8 --set batch=16 --set steps=200

DIR has one folder a class. For each number and seed so many pictures of the target are drawn, and up to --others of
each of a few other classes; `best`, told the classes, learns from exactly these and paints as many of the target as
there are real ones. A head on the pretrained network's numbers learns from the real ones, from real and painted ones,
and, for a scale, from twice as many real ones. Measured on pictures that nobody has learned from. Intervals (95 %) are
of the difference, from measured pictures drawn anew with replacement, over all seeds.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from bench.generator.__main__ import learned_pictures
from classifier.generator.batches import TrainingPictures, fixed_noise, one_hot
from classifier.generator.features import Scale, See, network_features
from classifier.generator.settings import BEST, experiment_settings
from classifier.generator.trainer import train_generator
from classifier.heads.logistic_head import LinearHead, WeightedExamples, fit_head
from classifier.metrics.quality import average_precision

NUMBERS = (20, 50, 100)
WAYS = ("real", "real and painted", "twice as many real")
_L2 = 1.0
_RESAMPLED = 1000
_ALWAYS = ("keep=last", "patience=0", "features=none", "variation_epochs=0")  # so few pictures vary from the start


@dataclass(frozen=True, slots=True, eq=False)
class Folder:
    """Pictures, what the network sees in them, and whether they show the target."""

    pixels: npt.NDArray[np.uint8]
    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]  # 0: the target


def folder_of(path: Path, see: See, target: str, classes: int, others: int) -> Folder:
    """The target and a few other classes of a folder."""
    pictures, pixels = learned_pictures(path)
    names = [target, *[name for name in sorted({one.label for one in pictures}) if name != target][:classes]]
    kept: list[int] = []
    for name in names:
        rows = [row for row, one in enumerate(pictures) if one.label == name]
        most = len(rows) if name == target else 2 * others
        kept += np.random.default_rng(0).permutation(rows)[:most].tolist()
    labels = np.array([names.index(pictures[row].label) for row in kept], dtype=np.int64)
    return Folder(pixels[kept], see(pixels[kept]), labels)


def head_scores(
    features: npt.NDArray[np.float32], shows: npt.NDArray[np.bool_], measured: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """Logits of a balanced logistic head."""
    scale = Scale.of(features)
    weights = np.where(shows, 0.5 / shows.mean(), 0.5 / (~shows).mean())
    root = np.sqrt(features.shape[1])
    examples = WeightedExamples.of(scale.apply(features) / root, shows.astype(np.float64), weights)
    head = fit_head(examples, _L2, LinearHead(np.zeros(features.shape[1]), 0.0))
    return np.asarray(head.logits(scale.apply(measured) / root), dtype=np.float64)


def one_draw(
    folder: Folder, see: See, draw: tuple[int, int], others: int, words: Sequence[str]
) -> tuple[list, npt.NDArray]:
    """Scores of each way on the measured pictures, and which of these show the target."""
    number, seed = draw
    random = np.random.default_rng((seed, number))
    target = random.permutation(np.flatnonzero(folder.labels == 0))
    rest = [random.permutation(np.flatnonzero(folder.labels == k)) for k in range(1, int(folder.labels.max()) + 1)]
    known, known_rest = target[:number], np.concatenate([rows[:others] for rows in rest])
    measured = np.concatenate([target[2 * NUMBERS[-1] :], *(rows[others:] for rows in rest)])
    learned = np.sort(np.concatenate([known, known_rest]))
    settings = experiment_settings(BEST, [*_ALWAYS, *words, f"seed={seed}"])
    names = tuple(map(str, range(len(rest) + 1)))
    data = TrainingPictures(folder.pixels, folder.labels, names, learned, learned, learned)
    trained = train_generator(data, settings, None)
    noise, labels = fixed_noise(number, settings.noise, seed), np.zeros(number, dtype=np.int64)
    painted = see(trained.adversaries.paint(noise, one_hot(labels, trained.told)))
    scores = []
    for extra in (painted[:0], painted, folder.features[target[number : 2 * number]]):
        features = np.concatenate([folder.features[known], extra, folder.features[known_rest]])
        shows = np.arange(len(features)) < number + len(extra)
        scores.append(head_scores(features, shows, folder.features[measured]))
    return scores, folder.labels[measured] == 0


def interval(draws: Sequence[tuple[list, npt.NDArray]], way: int) -> tuple[float, float, float]:
    """Mean difference of average precision to real pictures alone, with its 95 % interval."""
    random = np.random.default_rng(0)
    found = []
    for number in range(_RESAMPLED + 1):
        differences = []
        for scores, truth in draws:
            rows = np.arange(len(truth)) if not number else random.integers(0, len(truth), len(truth))
            differences.append(
                average_precision(scores[way][rows], truth[rows]) - average_precision(scores[0][rows], truth[rows])
            )
        found.append(float(np.mean(differences)))
    low, high = np.quantile(found[1:], (0.025, 0.975))
    return found[0], float(low), float(high)


def main() -> None:
    """Print a row a number and way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--target", required=True)
    parser.add_argument("--classes", type=int, default=3, help="other classes")
    parser.add_argument("--others", type=int, default=100, help="pictures of each of them to learn from")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--numbers", type=int, nargs="+", default=NUMBERS, help="of real pictures")
    parser.add_argument("--set", dest="words", action="append", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    see = network_features()
    folder = folder_of(asked.folder, see, asked.target, asked.classes, asked.others)
    print(f"{asked.target} against {asked.classes} classes of {asked.others}; {' '.join(asked.words)}", flush=True)
    for number in asked.numbers:
        draws = [one_draw(folder, see, (number, seed), asked.others, asked.words) for seed in range(asked.seeds)]
        for way, words in enumerate(WAYS):
            mean = np.mean([average_precision(scores[way], truth) for scores, truth in draws])
            difference, low, high = interval(draws, way) if way else (0.0, 0.0, 0.0)
            beside = f", {difference:+.4f} ({low:+.4f} to {high:+.4f})" if way else ""
            print(f"{number} pictures, {words}: AP {mean:.4f}{beside}", flush=True)


if __name__ == "__main__":
    main()
