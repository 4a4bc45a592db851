"""Teaching a pretrained network a gallery's characters, beside the pretrained one that stays as it was.

    pictures -> first stages, shared and left as they are -+-> last stages as published -> projected
                                                           +-> last stages, taught here -> features -> log odds

The embedding is all three, so that whatever was learned on the published network goes on holding, and a character
that nobody taught is still described. A picture that taught the network is no witness of how good it is: the caller
keeps some of the tagged ones out, and lets only those, and the untagged ones, choose thresholds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from classifier.augmentation import Changes
from classifier.backbones import efficientnet_lite0
from classifier.training import LOG_ODDS_LIMIT, TELLER, Lesson, Network, Progress, Recipe, Taught, teach
from classifier.training_pace import Clock

FIRST_TAUGHT = 3  # stage; the ones before it see edges and colours, and take half of the time
PREFIX = "taught_"  # of the taught layers' names
NAME = "fine_tuned"
RECIPE = Recipe(
    epochs=20.0,
    least_steps=560,  # with 300 it ranks worse than the published network does untaught
    batch=32,
    peak_rate=1e-3,
    averaging=0.97,
    self_training_from=1.0,
    changes=Changes(turn=0.12, scale=0.12),
    precision="float32",
)
MOST_STEPS = 900  # more gained nothing on twelve characters


def fine_tuned_network(published: Any, characters: int, dropout: float = RECIPE.dropout) -> Network:
    """The untaught network: last stages that begin as published, and one logit a character on top.

    Args:
        published: the pretrained backbone, from `pretrained.projected` or from a package's file.
        characters: how many are to be taught.
        dropout: share of the features that is left out while teaching.

    Returns:
        A network whose embedding is the published one's, then 192 taught features, then a log odds a character.
    """
    import keras

    for layer in published.layers:
        layer.trainable = False
    maps = efficientnet_lite0.copied_stages(published, FIRST_TAUGHT, PREFIX)
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"{PREFIX}features")(maps)
    teller = keras.layers.Dense(characters, dtype="float32", name=TELLER)
    logits = keras.Model(published.inputs, teller(keras.layers.Dropout(dropout)(features)), name="logits")
    odds = keras.ops.clip(teller(features), -LOG_ODDS_LIMIT, LOG_ODDS_LIMIT)
    whole = keras.ops.concatenate([published.outputs[0], features, odds], axis=1)
    return Network(logits, keras.Model(published.inputs, whole, name=NAME), characters)


def fine_tuned(
    published: Any,
    lesson: Lesson,
    recipe: Recipe = RECIPE,
    *,
    report: Callable[[Progress], None] = lambda _: None,
    clock: Clock = time.monotonic,
) -> tuple[Network, Taught]:
    """Teach the last stages; batch statistics stay as published.

    Args:
        published: the pretrained backbone.
        lesson: pictures and whom they show.
        recipe: how; `RECIPE` with another budget or seed.
        report: called every few steps.
        clock: seconds.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    network = fine_tuned_network(published, lesson.shows.shape[1], recipe.dropout)
    epochs = min(recipe.epochs, MOST_STEPS * recipe.batch / len(lesson.pictures))
    return network, teach(network, lesson, replace(recipe, epochs=epochs), tell=report, clock=clock)
