"""A trained generator's figures, of pictures that decided nothing of it."""

from __future__ import annotations

import numpy as np
from PIL import Image

from classifier.generator.batches import TrainingPictures, fixed_noise, one_hot
from classifier.generator.features import Scale, See
from classifier.generator.quality import (
    Quality,
    distance,
    near_by_hash,
    near_copies,
    precision_and_recall,
)
from classifier.generator.trainer import TrainedGenerator, spread_rows
from classifier.pictures.dhash import dhash, hash_array

QUALITY_SEED = 3
LEAST_UNSEEN = 20  # pictures; of fewer no figure means anything


def assess(
    trained: TrainedGenerator, data: TrainingPictures, see: See, measured: int, learned_hashes: list[int]
) -> Quality | None:
    """Figures of a generator; None where there are too few pictures that it has not seen.

    Args:
        trained: its kept weights are set.
        data: what it learned from; the test pictures decided nothing.
        see: gives features.
        measured: pictures that are painted, at most.
        learned_hashes: by `classifier.pictures.dhash`, of the training pictures.
    """
    if len(data.test) < LEAST_UNSEEN:
        return None
    unseen_rows = data.test if len(data.test) <= measured else spread_rows(data.test, measured)
    learned_rows = data.train if len(data.train) <= measured else spread_rows(data.train, measured)
    learned = see(data.pictures[learned_rows])
    scale = Scale.of(learned)
    learned, unseen = scale.apply(learned), scale.apply(see(data.pictures[unseen_rows]))
    labels = data.labels[spread_rows(data.train, measured)]
    noise = fixed_noise(measured, trained.adversaries.noise, QUALITY_SEED)
    pictures = trained.adversaries.paint(noise, one_hot(labels, trained.told))
    seen = scale.apply(see(pictures))
    shuffled = np.random.default_rng(QUALITY_SEED)
    unseen, seen, learned = (of[shuffled.permutation(len(of))] for of in (unseen, seen, learned))
    precision, recall = precision_and_recall(unseen, seen[: len(unseen)])
    hashes = hash_array([dhash(Image.fromarray(one)) for one in pictures])
    copies, of_unseen = near_copies(seen, unseen, learned)
    by_hash = near_by_hash(hashes, hash_array(list(learned_hashes)))
    return Quality(
        distance=distance(unseen, seen),
        of_training=distance(unseen, learned),
        precision=precision,
        recall=recall,
        near_copies=float(copies.mean()),
        near_copies_of_unseen=float(of_unseen.mean()),
        copies_by_hash=float(by_hash.mean()),
        painted=len(seen),
        real=len(unseen),
    )
