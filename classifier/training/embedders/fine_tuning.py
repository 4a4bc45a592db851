"""Fine-tuning: the last stages of a pretrained network learn a gallery's characters, beside the published ones.

    pictures -> first stages, shared and left as they are -+-> last stages as published -> projected
                                                           +-> last stages, trained here -> features -> log odds

The embedding is all three, so that heads on the published network stay valid, and a character that was not in
the training set is still described. Scores of training pictures say nothing of how good the network is: the caller
keeps some of the tagged ones out, and lets only those, and the untagged ones, choose thresholds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.backbones import efficientnet_lite0
from classifier.backbones.catalogue import FINE_TUNED, backbone_named
from classifier.backbones.pretrained import PROJECTION, Projection, sizes
from classifier.errors import PackageError
from classifier.package.keras_file import check_network
from classifier.training.augmentation import Changes, FloatPictures
from classifier.training.backbone_training import (
    CLASSIFIER_LAYER,
    LOG_ODDS_LIMIT,
    Network,
    TrainingProgress,
    TrainingRecipe,
    TrainingSet,
    TrainingSummary,
    train,
)
from classifier.training.pace import Clock

FIRST_TRAINED = 3  # stage; the ones before it see edges and colours, and take half of the time
PREFIX = "taught_"  # of the trained layers' names, in packages on disk
RECIPE = TrainingRecipe(
    epochs=20.0,
    least_steps=560,  # with 300 it ranks worse than the published network does untrained
    batch=32,
    peak_rate=1e-3,
    averaging=0.97,
    self_training_from=1.0,
    changes=Changes(turn=0.12, scale=0.12),
    precision="float32",
)
MOST_STEPS = 900
ODDS_WEIGHT = backbone_named(FINE_TUNED).odds_weight
_BATCH = 64


def fine_tuned_network(published: Any, characters: int, dropout: float = RECIPE.dropout) -> Network:
    """The untrained network: last stages that begin as published, and one logit a character on top.

    Args:
        published: the pretrained backbone, from `pretrained.projected` or from a package's file.
        characters: how many it is to learn.
        dropout: share of the features that is left out while training.

    Returns:
        A network whose embedding is the 192 trained features, then the logits.
    """
    import keras

    for layer in published.layers:
        layer.trainable = False
    maps = efficientnet_lite0.copied_stages(published, FIRST_TRAINED, PREFIX)
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"{PREFIX}features")(maps)
    classifier_layer = keras.layers.Dense(characters, dtype="float32", name=CLASSIFIER_LAYER)
    logits = keras.Model(published.inputs, classifier_layer(keras.layers.Dropout(dropout)(features)), name="logits")
    own = keras.ops.concatenate([features, classifier_layer(features)], axis=1)
    return Network(logits, keras.Model(published.inputs, own, name="own"), characters)


def fine_tuned(
    published: Any,
    training_set: TrainingSet,
    recipe: TrainingRecipe = RECIPE,
    *,
    report: Callable[[TrainingProgress], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> tuple[Network, TrainingSummary]:
    """Train the last stages; batch statistics stay as published.

    Args:
        published: the pretrained backbone.
        training_set: pictures and whom they show.
        recipe: how; `RECIPE` with another budget or seed.
        report: called every few steps.
        clock: seconds.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    network = fine_tuned_network(published, training_set.shows.shape[1], recipe.dropout)
    epochs = min(recipe.epochs, MOST_STEPS * recipe.batch / len(training_set.pictures))
    return network, train(network, training_set, replace(recipe, epochs=epochs), report=report, clock=clock)


def joined(published: Any, network: Network, sample: FloatPictures) -> Any:
    """A `keras.Model` from pictures to the published embedding, the trained features, and the log odds.

    Each of the three has a mean length of about one, so that a head may lean on any of them.

    Args:
        published: the pretrained backbone that `network` stands on.
        network: from `fine_tuned`.
        sample: pictures that the features' scale is measured on, 0..255, shape (n, size, size, 3).
    """
    import keras

    features, own = _features(network), network.embedding.outputs[0]
    found = np.asarray(keras.Model(published.inputs, features).predict(sample, batch_size=_BATCH, verbose=0))
    length = float(np.sqrt(((found - found.mean(axis=0)) ** 2).sum(axis=1).mean()))
    odds = keras.ops.clip(own[:, -network.characters :], -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
    scaled = [
        keras.layers.Rescaling(1 / max(length, 1e-3), name=f"{PREFIX}features_scaled")(features),
        keras.layers.Rescaling(1 / ODDS_WEIGHT, name=f"{PREFIX}odds_scaled")(odds),
    ]
    whole = keras.ops.concatenate([published.outputs[0], *scaled], axis=1)
    return keras.Model(published.inputs, whole, name=FINE_TUNED)


def projection_of(file: Path) -> Projection | None:
    """The projection of the pretrained backbone within a package's network file.

    Returns:
        None where it is of other numbers than today's backbone gives: an earlier version of this program made it.

    Raises:
        PackageError: it is no network as we write them, or holds no pretrained backbone.
    """
    import keras

    check_network(file)
    model = keras.saving.load_model(file, compile=False)
    if PROJECTION not in {layer.name for layer in model.layers}:
        raise PackageError(f"{file} holds no pretrained network to begin with")
    projection = Projection(*model.get_layer(PROJECTION).get_weights())
    return projection if len(projection.weights) == sum(sizes()) else None


def _features(network: Network) -> Any:
    return network.logits.get_layer(f"{PREFIX}features").output
