"""Warm start: a network begins with the weights of an earlier one of the same shape, character by character.

What was learned in minutes from a sample is kept when the whole gallery becomes the training set. The earlier network
can pseudo-label untagged pictures at once, so these join the training set from the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier.errors import PackageError
from classifier.package.keras_file import check_network
from classifier.training.backbone_training import CLASSIFIER_LAYER, Network, TrainingRecipe

_EPOCHS, _LEAST_STEPS = 18.0, 500
_PEAK_RATE = 1e-3
_PSEUDO_LABELS_FROM = 0.02  # share of the steps


@dataclass(frozen=True, slots=True)
class Earlier:
    """A network that was trained before."""

    file: Path  # its embedding, a .keras file
    classes: tuple[str, ...]  # the characters it knows, in the order of its answers


def gentler(recipe: TrainingRecipe) -> TrainingRecipe:
    """The recipe for a network that is trained already: smaller steps, fewer of them, pseudo-labels from the start."""
    return replace(
        recipe,
        epochs=min(recipe.epochs, _EPOCHS),
        least_steps=min(recipe.least_steps, _LEAST_STEPS),
        peak_rate=_PEAK_RATE,
        self_training_from=_PSEUDO_LABELS_FROM,
    )


def take_over(model: Network, classes: Sequence[str], earlier: Earlier) -> None:
    """Give a new network what an earlier one knows; characters that are new to it begin from scratch.

    Args:
        model: of the same architecture.
        classes: the characters that it shall know.
        earlier: the network to begin with.

    Raises:
        PackageError: it has another architecture, or its weights are no plain numbers.
    """
    import keras

    check_network(earlier.file)
    known = keras.models.load_model(earlier.file, compile=False)
    own, theirs = model.embedding.variables, known.variables
    if len(own) != len(theirs):
        raise PackageError(
            f"{earlier.file}: {len(theirs)} arrays of weights, expected {len(own)}; it is another network"
        )
    columns = [(classes.index(name), number) for number, name in enumerate(earlier.classes) if name in classes]
    own_columns, known_columns = [list(places) for places in zip(*columns, strict=True)] if columns else ([], [])
    for variable, value in zip(own, theirs, strict=True):
        learned = keras.ops.convert_to_numpy(value)
        if f"{CLASSIFIER_LAYER}/" in variable.path:  # one column a character
            mixed = np.array(keras.ops.convert_to_numpy(variable))
            if mixed.shape[:-1] == learned.shape[:-1]:
                mixed[..., own_columns] = learned[..., known_columns]
            learned = mixed
        if tuple(variable.shape) != learned.shape:
            raise PackageError(f"{earlier.file}: weights of shape {learned.shape}, expected {tuple(variable.shape)}")
        variable.assign(keras.ops.convert_to_tensor(learned, dtype=variable.dtype))
