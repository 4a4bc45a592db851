"""One training loop for all recipes: stages in a row, then the training itself; the best epoch's weights are kept.

    for each stage: epochs -> validation after each -> best weights, early end -> on to the next
    at the end: single precision, cut before the last layer

Seed, stage, epoch and step decide everything, so a training that was killed and goes on ends as one that was not.
Nothing here is TensorFlow's: Keras' backend-neutral calls alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array, FloatArray, IntArray
from classifier.backbones.catalogue import Origin
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback, unreported
from classifier.recipes.checkpoints import Checkpoints
from classifier.recipes.epoch_samples import EpochSamples, LabelledPictures, SeenPlace, seen_once, wanted_counts
from classifier.recipes.recipe import Recipe
from classifier.recipes.recipe_network import RecipeNetwork, predicted
from classifier.recipes.schedule import duration, learning_rate
from classifier.recipes.settings import RecipeSettings
from classifier.recipes.tensorboard_log import TensorBoardLog
from classifier.recipes.trained import Epoch, StageHistory, TrainedNetwork

_TINY = 1e-7  # a probability that counts for no less in a loss
_SAVED_EVERY_S = 120.0  # within an epoch
_REPORTED_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class FitPlace:
    """Where a training is kept, and who hears of it."""

    checkpoints: Path | None = None  # a folder of this training alone; None: one that is killed begins anew
    logs: Path | None = None  # for TensorBoard, where the package is installed
    report: ProgressCallback = unreported
    clock: Callable[[], float] = time.monotonic
    saved_every_s: float = _SAVED_EVERY_S


def fit(
    recipe: Recipe,
    settings: RecipeSettings,
    classes: Sequence[str],
    stages: Sequence[LabelledPictures],
    *,
    origin: Origin | None = None,
    place: FitPlace | None = None,
) -> TrainedNetwork:
    """Train a recipe's network.

    Args:
        recipe: which.
        settings: its settings.
        classes: names, in the order of the label numbers.
        stages: in their order; weights are handed on. The last one is the training itself.
        origin: where first weights come from, for recipes that have such.
        place: checkpoints, logs, progress.

    Raises:
        DeviceError: the network's first weights cannot be had.
    """
    place = place or FitPlace()
    network = RecipeNetwork(recipe, settings, len(classes), origin or Origin())
    training = _Training(network, settings, _as_trained(recipe, settings, network, stages, place), place)
    training.go_on()
    while not training.finished:
        training.stage()
    return replace(network.cut(tuple(classes)), history=training.history(), resumed=training.resumed)


def _as_trained(
    recipe: Recipe,
    settings: RecipeSettings,
    network: RecipeNetwork,
    stages: Sequence[LabelledPictures],
    place: FitPlace,
) -> tuple[LabelledPictures, ...]:
    """The stages' pictures, or what a wholly frozen base sees of them; then the network is cut behind that base."""
    passes = recipe.frozen.passes(settings) if recipe.frozen else 0
    if recipe.frozen is None or not passes:
        return tuple(stages)
    network.freeze_until(recipe.frozen.layer)
    seen_at = SeenPlace(place.checkpoints, place.report)
    return tuple(
        seen_once(stage, number, network.seen, settings, passes, seen_at) for number, stage in enumerate(stages)
    )


def embeddings(network: TrainedNetwork, pictures: Pixels) -> Float32Array:
    """What a trained network says of pictures before its last layer, shape (n, d)."""
    return predicted(network.embedder, pictures)


def probabilities(network: TrainedNetwork, pictures: Pixels) -> FloatArray:
    """Of each class, shape (n, classes)."""
    logits = embeddings(network, pictures).astype(np.float64) @ network.weights + network.bias
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass(slots=True)
class _Progress:
    """How far a training is: plain values, which are kept on disk."""

    done: list[dict[str, Any]] = field(default_factory=list)  # finished stages, as `StageHistory`
    epochs: list[dict[str, Any]] = field(default_factory=list)  # finished ones of this stage, as `Epoch`
    best: int = 0  # number of the best of them; 0: none has ended
    step: int = 0  # that are done in this epoch
    steps: int = 0  # that are done in this stage
    loss: float = 0.0  # sum over the samples of this epoch
    right: float = 0.0
    samples: int = 0
    epoch_s: float = 0.0  # seconds of this epoch
    seconds: float = 0.0  # of this stage
    total_s: float = 0.0  # of all stages


class _Training:
    """The loop, and how far it is."""

    def __init__(
        self, network: RecipeNetwork, settings: RecipeSettings, stages: tuple[LabelledPictures, ...], place: FitPlace
    ) -> None:
        self._network, self._settings, self._stages, self._place = network, settings, stages, place
        self._checkpoints = Checkpoints(place.checkpoints)
        self._best: list[Any] = []  # weights of the best epoch of this stage
        self._at = _Progress()
        self._saved = self._reported = place.clock()
        self.resumed = False

    @property
    def finished(self) -> bool:
        """Whether every stage is done."""
        return len(self._at.done) == len(self._stages)

    def go_on(self) -> None:
        """From where an interrupted training of the same kind was, if there is one."""
        saved = self._checkpoints.load()
        if saved is None or not self._network.restore(saved.now):
            return
        self._best, self._at, self.resumed = list(saved.best), _Progress(**saved.progress), True
        self._place.report("training", 0.0, f"going on after epoch {len(self._at.epochs)}{self._of_stage()}")

    def history(self) -> tuple[StageHistory, ...]:
        """What was recorded of the finished stages."""
        return tuple(
            StageHistory(**{**one, "counts": tuple(one["counts"]), "epochs": tuple(Epoch(**e) for e in one["epochs"])})
            for one in self._at.done
        )

    def stage(self) -> None:
        """Train the stage that it is at to its end, and keep its best weights."""
        stage, at = self._stages[len(self._at.done)], self._at
        log = TensorBoardLog(self._network.model, self._place.logs, stage.name)
        with ThreadPoolExecutor(1, "variations") as ahead:
            while not self._stage_is_over():
                self._epoch(stage, ahead)
                log.epoch(Epoch(**at.epochs[-1]))
        log.close()
        self._network.give(self._best)
        self._at = _Progress(done=[*at.done, asdict(self._record(stage))], total_s=at.total_s)
        self._best = []
        self._network.forget_gradients()
        self._save()

    def _stage_is_over(self) -> bool:
        done, patience = len(self._at.epochs), self._settings.patience
        tired = bool(patience) and done - self._at.best >= patience
        return done >= self._settings.epochs or tired or (done > 0 and self._out_of_time())

    def _out_of_time(self) -> bool:
        return bool(self._settings.minutes) and self._at.total_s >= self._settings.minutes * 60

    def _record(self, stage: LabelledPictures) -> StageHistory:
        counts, at = self._counts(stage), self._at
        samples = int(wanted_counts(counts, self._settings).sum())
        an_epoch = -(-samples // self._settings.batch)
        return StageHistory(
            name=stage.name,
            counts=tuple(counts.tolist()),
            samples=samples,
            epochs=tuple(Epoch(**one) for one in at.epochs),
            best=at.best,
            steps=at.steps,
            planned_steps=an_epoch * self._settings.epochs if self._out_of_time() else at.steps,
            seconds=at.seconds,
        )

    def _counts(self, stage: LabelledPictures) -> IntArray:
        return np.bincount(stage.labels[stage.train], minlength=self._network.classes).astype(np.int64)

    def _epoch(self, stage: LabelledPictures, ahead: ThreadPoolExecutor) -> None:
        at = self._at
        samples = EpochSamples(stage, self._settings, (len(at.done), len(at.epochs)), self._network.classes)
        coming = ahead.submit(samples.batch, at.step)
        while at.step < samples.steps and not (at.step and self._out_of_time()):
            begun = self._place.clock()
            pictures, labels = coming.result()
            coming = ahead.submit(samples.batch, at.step + 1)
            self._step(pictures, labels, samples.steps)
            self._spent(begun)
            self._tell(samples.steps)
            if self._place.clock() - self._saved >= self._place.saved_every_s:
                self._save()
        coming.cancel()
        begun = self._place.clock()
        with self._network.averaged():
            loss, accuracy = self._validated(stage)
            self._spent(begun)
            self._close_epoch(loss, accuracy)
        self._save()

    def _step(self, pictures: Float32Array, labels: Float32Array, steps: int) -> None:
        at = self._at
        self._network.set_rate(learning_rate(self._settings, len(at.epochs) + at.step / steps))
        loss, accuracy = self._network.step(pictures, labels)
        at.loss, at.right = at.loss + loss * len(labels), at.right + accuracy * len(labels)
        at.samples, at.step, at.steps = at.samples + len(labels), at.step + 1, at.steps + 1

    def _spent(self, begun: float) -> None:
        passed = self._place.clock() - begun
        for name in ("epoch_s", "seconds", "total_s"):
            setattr(self._at, name, getattr(self._at, name) + passed)

    def _validated(self, stage: LabelledPictures) -> tuple[float, float]:
        """Mean loss in nats, and accuracy, on the validation pictures as they are."""
        labels = stage.labels[stage.validation]
        shares = predicted(self._network.model, stage.pictures, stage.validation).astype(np.float64)
        of_label = np.clip(shares[np.arange(len(labels)), labels], _TINY, 1.0)
        return float(-np.log(of_label).mean()), float((shares.argmax(axis=1) == labels).mean())

    def _close_epoch(self, validation_loss: float, validation_accuracy: float) -> None:
        at = self._at
        epoch = Epoch(
            number=len(at.epochs) + 1,
            loss=at.loss / max(1, at.samples),
            accuracy=at.right / max(1, at.samples),
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
            rate=learning_rate(self._settings, len(at.epochs) + 1),
            seconds=at.epoch_s,
        )
        at.epochs.append(asdict(epoch))
        if not at.best or self._worth(epoch) > self._worth(Epoch(**at.epochs[at.best - 1])):
            at.best, self._best = epoch.number, self._network.weights()
        at.step, at.samples, at.loss, at.right, at.epoch_s = 0, 0, 0.0, 0.0, 0.0

    def _worth(self, epoch: Epoch) -> tuple[float, float]:
        """What picks the best epoch; of equals, the one with the lower loss."""
        accuracy = epoch.validation_accuracy if self._settings.watch == "accuracy" else 0.0
        return accuracy, -epoch.validation_loss

    def _save(self) -> None:
        self._checkpoints.save(asdict(self._at), self._network.variables(), self._best)
        self._saved = self._place.clock()

    def _tell(self, steps: int) -> None:
        """Say how far it is, now and then."""
        now, at = self._place.clock(), self._at
        if now - self._reported < _REPORTED_EVERY_S and at.step < steps:
            return
        self._reported = now
        epochs, done = self._settings.epochs, len(at.epochs) + at.step / steps
        stages = len(self._stages)
        words = [
            f"{'' if stages == 1 else self._stages[len(at.done)].name + ', '}epoch {len(at.epochs) + 1} of {epochs}",
            f"loss {at.loss / at.samples:.3f}, accuracy {at.right / at.samples:.3f}",
            *([f"validation {at.epochs[-1]['validation_accuracy']:.3f}"] if at.epochs else []),
            f"{at.samples / max(at.epoch_s, 1e-9):.0f} pictures/s",
            f"at most {duration(self._left_s(done))} left",
        ]
        self._place.report("training", (len(at.done) + done / epochs) / stages, ", ".join(words))

    def _left_s(self, done: float) -> float:
        """Seconds until every planned epoch of this stage and the later ones is done, or the time is over."""
        at = self._at
        an_epoch = at.seconds / max(done, 1e-9)
        later = len(self._stages) - len(at.done) - 1
        left = an_epoch * (self._settings.epochs * (1 + later) - done)
        return max(0.0, min(left, self._settings.minutes * 60 - at.total_s)) if self._settings.minutes else left

    def _of_stage(self) -> str:
        return "" if len(self._stages) == 1 else f" of stage {self._stages[len(self._at.done)].name}"
