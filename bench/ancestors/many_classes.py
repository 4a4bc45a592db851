"""`simpsons_cnn` against ours, which class of many: accuracy and the F1 of every class on the same test pictures.

Ours is `small`, trained from scratch on the same pixels with all classes at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.ancestors.material import Material
from bench.ancestors.table import Comparison
from classifier.arrays import FloatArray, IntArray
from classifier.backbones import small
from classifier.pictures.preprocessing import Preprocessing
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import FitPlace, fit, probabilities
from classifier.recipes.settings import changed_words, from_words
from classifier.training import backbone_training
from classifier.training.augmentation import Changes

ACCURACY, LEAST_F1 = 0.96, 0.90
_PX = 64
_GREY = Changes(saturation=(1.0, 1.0), channel_gain=0.0, turn=0.15)  # these pictures have no colours to vary

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ManyClassBench:
    """What is compared, and how."""

    material: Material
    words: Sequence[str]  # settings of simpsons_cnn
    epochs: float  # of ours
    seed: int = 0
    say: Say = print


def comparison(bench: ManyClassBench, name: str) -> Comparison:
    """Train both sides."""
    some, labels = bench.material, bench.material.labels()
    recipe_s, recipe = _recipe(bench, labels)
    ours_s, ours = _ours(bench, labels)
    truth = labels[some.test]
    figures = [_figures(predicted, truth, len(some.classes)) for predicted in (recipe, ours)]
    settings = from_words(RECIPES["simpsons_cnn"].settings(), bench.words)
    return Comparison(
        data=f"{name}, {len(some.classes)} classes: {len(some.train) + len(some.validation)} pictures",
        measured=f"accuracy, least F1 of a class, of {len(truth)}",
        ancestor=f"{_words(figures[0])}; simpsons_cnn {' '.join(changed_words(settings))}, {recipe_s:.0f} s",
        ours=f"{_words(figures[1])}; small at {_PX} px, {bench.epochs:g} epochs, {ours_s:.0f} s",
        goal=f"≥ {ACCURACY}, ≥ {LEAST_F1:.2f}",
        met=figures[1][0] >= ACCURACY and min(figures[1][1]) >= LEAST_F1,
        facts={"classes": some.classes, "f1": [list(f1) for _, f1 in figures], "seconds": [recipe_s, ours_s]},
    )


def _words(figures: tuple[float, FloatArray]) -> str:
    accuracy, f1 = figures
    return f"{accuracy:.3f}, {min(f1):.3f}"


def _figures(predicted: IntArray, truth: IntArray, classes: int) -> tuple[float, FloatArray]:
    """Accuracy, and the F1 of each class."""
    from sklearn.metrics import f1_score

    each = f1_score(truth, predicted, average=None, labels=list(range(classes)), zero_division=0.0)
    return float((predicted == truth).mean()), np.asarray(each, dtype=np.float64)


def _recipe(bench: ManyClassBench, labels: IntArray) -> tuple[float, IntArray]:
    some, recipe = bench.material, RECIPES["simpsons_cnn"]
    settings = from_words(recipe.settings(), bench.words)
    pictures = some.pixels(settings.preprocessing())
    begun = time.monotonic()
    stage = LabelledPictures("training", pictures, labels, some.train, some.validation)
    network = fit(recipe, settings, some.classes, [stage], place=FitPlace(report=lambda *what: None))
    seconds = time.monotonic() - begun
    bench.say(f"  simpsons_cnn: {len(network.history[-1].epochs)} epochs, {seconds:.0f} s")
    return seconds, probabilities(network, pictures[some.test]).argmax(axis=1).astype(np.int64)


def _ours(bench: ManyClassBench, labels: IntArray) -> tuple[float, IntArray]:
    some = bench.material
    pictures = some.pixels(Preprocessing(_PX))
    rows = np.concatenate([some.train, some.validation])  # nothing is chosen, so all of them train
    shows = np.eye(len(some.classes), dtype=np.float32)[labels[rows]]
    recipe = backbone_training.TrainingRecipe(
        epochs=bench.epochs, least_steps=1, changes=_GREY, self_training_from=1.0, time_budget_s=36_000, seed=bench.seed
    )
    begun = time.monotonic()
    network, _ = backbone_training.trained_network(
        lambda: small.build(_PX), backbone_training.TrainingSet(pictures[rows], shows, pictures[:0]), recipe
    )
    odds = backbone_training.embeddings(network, pictures[some.test])[:, -len(some.classes) :]
    return time.monotonic() - begun, odds.argmax(axis=1).astype(np.int64)
