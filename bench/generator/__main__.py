"""What experiment 4, the best of the published ones, and ours reach after equally many steps, from one run.

    python -m bench.generator DIR --steps 1000 --set filters=16 --set batch=16

Trains both on a folder of classes and prints kernel distance, precision, recall and near-copies on pictures that
decided nothing of either, with the seconds that it took. Sheets of both go to --work.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.errors import PictureFault
from classifier.generator.assessment import assess
from classifier.generator.batches import TrainingPictures
from classifier.generator.features import network_features
from classifier.generator.job import GeneratorJob, LearnedPicture, training_pictures
from classifier.generator.quality import Quality
from classifier.generator.settings import BEST, experiment_settings
from classifier.generator.trainer import TrainedGenerator, TrainingPlace, train_generator
from classifier.pictures.preprocessing import prepare
from classifier.pictures.synthetic_picture import sheet, synthetic_png
from classifier.recipes.settings import words_of
from rounds.generation.generator_round import PREPROCESSING, generator_source

PUBLISHED = "4"


def learned_pictures(folder: Path) -> tuple[list[LearnedPicture], np.ndarray]:
    """Every picture of a folder that can be decoded."""
    pictures, pixels = [], []
    for one in generator_source(folder, lambda stage, share, words: None).pictures:
        try:
            prepared = prepare(one.read(), PREPROCESSING)
        except (PictureFault, OSError):
            continue
        pictures.append(LearnedPicture(one.md5, one.label, prepared.hash, one.group))
        pixels.append(prepared.pixels)
    return pictures, np.stack(pixels)


def trained(
    experiment: str, words: Sequence[str], pictures: Sequence[LearnedPicture], pixels: np.ndarray, work: Path
) -> tuple[TrainedGenerator, Quality | None]:
    """One training with its figures."""
    settings = experiment_settings(experiment, words)
    job = GeneratorJob(experiment, "", experiment, words_of(settings), tuple(pictures))
    data: TrainingPictures = training_pictures(job, pixels)
    see, said = network_features(), [time.monotonic()]

    def report(stage: str, share: float, line: str) -> None:
        if time.monotonic() - said[0] > 20:
            said[0] = time.monotonic()
            print(f"  {experiment}: {line}", flush=True)

    def write(name: str, painted: np.ndarray, labels: np.ndarray) -> None:
        work.mkdir(parents=True, exist_ok=True)
        (work / f"{experiment}-{name}.png").write_bytes(synthetic_png(sheet(painted), {"Generator": experiment}))

    place = TrainingPlace(work / f"{experiment}-checkpoints", sheet=write, report=report)
    done = train_generator(data, settings, see, place)
    return done, assess(done, data, see, settings.measured, [job.pictures[row].hash for row in data.train])


def main(arguments: Sequence[str] | None = None) -> int:
    """Train both, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.generator", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--set", dest="words", action="append", default=[], metavar="KEY=VALUE", help="for both")
    parser.add_argument("--work", type=Path, default=Path("generators"), help="sheets and checkpoints")
    asked = parser.parse_args(arguments)

    pictures, pixels = learned_pictures(asked.folder)
    words = [f"steps={asked.steps}", "epochs=100000", "test_share=0.1", *asked.words]
    print(f"{len(pictures)} pictures, {asked.steps} steps each; {' '.join(asked.words)}")
    found: dict[str, float] = {}
    for experiment in (PUBLISHED, BEST):
        done, quality = trained(experiment, words, pictures, pixels, asked.work)
        if quality is None:
            print("too few pictures to measure on")
            return 2
        found[experiment] = quality.distance.value
        curve = ", ".join(f"{one.step}: {one.distance:.3f}" for one in done.measurements)
        print(
            f"{experiment}: distance {quality.distance.value:.4f} ± {quality.distance.error:.4f} "
            f"(training pictures {quality.of_training.value:.4f}), precision {quality.precision:.3f}, "
            f"recall {quality.recall:.3f}, near-copies {quality.near_copies:.3f} "
            f"(unseen {quality.near_copies_of_unseen:.3f}), by hash {quality.copies_by_hash:.3f}; "
            f"{done.steps} steps, weights of step {done.kept_step}, {done.seconds:.0f} s; validation: {curve}",
            flush=True,
        )
    print(f"best / experiment 4: {found[BEST] / found[PUBLISHED]:.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
