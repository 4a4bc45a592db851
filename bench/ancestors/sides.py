"""A recipe of many classes and this program's own ways, each trained, tested and timed on the same pictures.

Time is counted in seconds of this process' processors as well as by the clock: on a machine that others use, only the
first compares, and it still grows by what others push out of the caches. Loading the libraries counts for nobody.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.ancestors.material import Material
from bench.ancestors.measurements import Measurements
from classifier.arrays import Float32Array, FloatArray
from classifier.backbones import pretrained
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import FitPlace, fit
from classifier.recipes.recipe import Recipe
from classifier.recipes.settings import RecipeSettings, changed_words
from classifier.recipes.trained import TrainedNetwork
from classifier.recognition.head_fit import FittedHead, LabelledVectors, fitted_head
from classifier.training.embedders.frozen_features import Described, describe, looked_at

FROZEN_SETTING = "head on pretrained 128 px"
_BATCH = 64  # pictures between two reports of `looked_at`


@dataclass(frozen=True, slots=True)
class Side:
    """One way, measured."""

    setting: str
    accuracy: float  # on the test pictures
    cpu_s: float  # of processors, for training
    clock_s: float
    pictures_per_cpu_s: float  # by the light interpreter, from decoded pictures on
    f1: tuple[float, ...] = ()  # of each class
    said: tuple[int, ...] = ()  # class of each test picture
    done: float = 1.0  # share of the steps that were planned; fewer where the time was over

    def words(self) -> str:
        """For the table."""
        return (
            f"{self.accuracy:.4f}; {self.setting}{self.cut()}; {self.cpu_s:.0f} CPU s ({self.clock_s:.0f} s); "
            f"{self.pictures_per_cpu_s:.0f} pictures/CPU s"
        )

    def cut(self) -> str:
        """How much of the training was done, where it is not all."""
        return "" if self.done >= 1.0 else f", {self.done:.0%} of it in its time"

    def facts(self) -> dict[str, float | list[float]]:
        """Plain values."""
        return {
            "accuracy": self.accuracy,
            "cpu_s": self.cpu_s,
            "clock_s": self.clock_s,
            "pictures_per_cpu_s": self.pictures_per_cpu_s,
            "f1": list(self.f1),
        }


class Sides:
    """Trains each way once for the same pictures and settings, however many lines of the table want it."""

    def __init__(self, measured: Measurements | None = None) -> None:
        """Set where measurements are kept."""
        self.measured = measured or Measurements()

    def recipe(self, recipe: Recipe, settings: RecipeSettings, material: Material) -> Side:
        """A recipe as `crawl train --network` trains it; its `minutes` are of processors."""
        what = f"{material.marks()}: {setting_of(recipe, settings)}"
        return self.measured.once(what, Side, lambda: _recipe_side(recipe, settings, material))

    def frozen(self, material: Material) -> Side:
        """A softmax head on embeddings of the pretrained backbone: what `crawl train --classes` does by default."""
        return self.measured.once(f"{material.marks()}: {FROZEN_SETTING}", Side, lambda: _frozen_side(material))


def _recipe_side(recipe: Recipe, settings: RecipeSettings, material: Material) -> Side:
    pictures = material.pixels(settings.preprocessing())
    stage = LabelledPictures("training", pictures, material.labels(), material.train, material.validation)
    watch = Stopwatch()
    network = fit(recipe, settings, material.classes, [stage], place=FitPlace(report=_said, clock=time.process_time))
    used = watch.seconds()
    numbers, speed = _tested(network.embedder, pictures[material.test])
    side = _side(setting_of(recipe, settings), material, numbers @ network.weights + network.bias, used, speed)
    return replace(side, done=share_done(network))


def setting_of(recipe: Recipe, settings: RecipeSettings) -> str:
    """The recipe's name, and what is set otherwise than by default; not where its weights lie."""
    return " ".join([recipe.name, *(word for word in changed_words(settings) if not word.startswith("weights="))])


def share_done(network: TrainedNetwork) -> float:
    """Of the steps that were planned; less than 1 where the time was over."""
    return network.history[-1].steps / max(1, network.history[-1].planned_steps)


def _frozen_side(material: Material) -> Side:
    pictures = material.pixels(Preprocessing(pretrained.SIZE))
    watch = Stopwatch()
    described, fitted = _described(material, pictures)
    used = watch.seconds()
    numbers, speed = _tested(described.backbone, pictures[material.test])
    return _side(FROZEN_SETTING, material, fitted.head.probabilities(numbers), used, speed)


def _trained(material: Material) -> Any:
    """Rows: nothing is chosen by the validation pictures, so they train too."""
    return np.sort(np.concatenate([material.train, material.validation]))


def _described(material: Material, pictures: Pixels) -> tuple[Described, FittedHead]:
    rows = _trained(material)
    described = describe(pictures[rows])
    examples = LabelledVectors(described.embeddings, material.labels()[rows], material.groups[rows], material.classes)
    return described, fitted_head(examples)


class Stopwatch:
    """Seconds since it was made, the libraries being loaded."""

    def __init__(self) -> None:
        importlib.import_module("keras")  # with the runtime below it
        self._clock, self._processors = time.perf_counter(), time.process_time()

    def seconds(self) -> tuple[float, float]:
        """Of processors, and by the clock."""
        return time.process_time() - self._processors, time.perf_counter() - self._clock


def _side(setting: str, material: Material, scores: FloatArray, used: tuple[float, float], speed: float) -> Side:
    """Of scores, shape (test pictures, classes); the highest of a row is the answer."""
    from sklearn.metrics import f1_score

    said, truth = scores.argmax(axis=1), material.labels()[material.test]
    each = f1_score(truth, said, average=None, labels=list(range(len(material.classes))), zero_division=0.0)
    return Side(setting, float((said == truth).mean()), *used, speed, tuple(each.tolist()), tuple(said.tolist()))


def _tested(network: Any, pictures: Pixels) -> tuple[Float32Array, float]:
    """What a network says of pictures by the light interpreter, and of how many a second of processors.

    The first batch is not counted where there are more: loading the network falls into it.
    """
    marks = [time.process_time()]
    with TemporaryDirectory() as folder:
        numbers, _ = looked_at(network, pictures, Path(folder), report=lambda _: marks.append(time.process_time()))
    counted, begun = (len(pictures) - _BATCH, marks[1]) if len(marks) > 2 else (len(pictures), marks[0])
    return numbers, counted / max(marks[-1] - begun, 1e-9)


def _said(stage: str, share: float, words: str) -> None:
    print(f"  {stage} {share:4.0%} {words}", flush=True)
