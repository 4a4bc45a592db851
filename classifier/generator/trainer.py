"""A generator's training: batch by batch, measured now and then, kept on disk, ended before it collapses.

    batch -> discriminator's step -> generator's step -> average follows
    now and then: sheet from the same noise, distance of the validation pictures, checkpoint
    at the end: the last weights, or those of the best measurement

Seed and number of the step decide everything, so a training that was killed and goes on ends as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array, IntArray
from classifier.generator.adversaries import Adversaries
from classifier.generator.batches import Batches, TrainingPictures, fixed_noise, one_hot
from classifier.generator.features import Scale, See
from classifier.generator.pace import DiscriminatorPace, Measurement, at_its_end, best_of
from classifier.generator.quality import kernel_distance
from classifier.generator.settings import LEAST_DISTANCE, GeneratorSettings
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback, unreported
from classifier.recipes.checkpoints import Checkpoints
from classifier.recipes.schedule import duration
from classifier.recipes.tensorboard_log import TensorBoardLog

ON_A_SHEET = 64  # pictures, as published
SHEET_SEED, MEASURE_SEED = 1, 2
_REPORTED_EVERY_S = 0.5
_POINTS = 400  # of a curve, about


@dataclass(frozen=True, slots=True)
class TrainingPlace:
    """Where a training is kept, and who hears of it."""

    checkpoints: Path | None = None  # a folder of this training alone; None: one that is killed begins anew
    logs: Path | None = None  # for TensorBoard, where the package is installed
    sheet: Callable[[str, Pixels, IntArray], None] = lambda name, pictures, labels: None  # takes painted pictures
    report: ProgressCallback = unreported
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The means of some steps."""

    step: int  # the last of them
    generator: float  # loss, nats
    discriminator: float  # loss, nats, without the penalty
    penalty: float
    told_apart: float  # 0..1
    rate: float  # of the discriminator


@dataclass(frozen=True, slots=True, eq=False)
class TrainedGenerator:
    """A trained generator."""

    adversaries: Adversaries  # the kept weights are set
    told: int  # classes that it wants to know; 0: none
    steps: int
    epochs: float
    kept_step: int  # whose weights these are
    curve: tuple[CurvePoint, ...]
    measurements: tuple[Measurement, ...]
    seconds: float
    ended: str  # why it ended, for people
    resumed: bool


@dataclass(slots=True)
class _Progress:
    """How far it is: plain values, which are kept on disk."""

    step: int = 0  # done
    seconds: float = 0.0
    factor: float = 1.0
    told_apart: float = 0.5
    best: int = 0  # step of the best measurement; 0: none
    curve: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)  # of the steps since the last point


def told_classes(settings: GeneratorSettings, names: tuple[str, ...]) -> int:
    """How many classes the networks are told; one class alone says nothing."""
    return len(names) if settings.conditional and len(names) > 1 else 0


def train_generator(
    data: TrainingPictures, settings: GeneratorSettings, see: See | None, place: TrainingPlace | None = None
) -> TrainedGenerator:
    """Train a generator.

    Args:
        data: what it learns from.
        settings: how.
        see: gives features, to measure with; None: nothing is measured.
        place: checkpoints, logs, sheets, progress.
    """
    training = _Training(data, settings, see, place or TrainingPlace())
    training.go_on()
    while not training.ended:
        training.step()
    return training.finished()


def spread_rows(rows: IntArray, count: int) -> IntArray:
    """So many of the rows, evenly from the first to the last, at the pace of their classes."""
    return rows[np.arange(count, dtype=np.int64) * len(rows) // count] if count else rows[:0]


class _Training:
    """The loop, and how far it is."""

    def __init__(
        self, data: TrainingPictures, settings: GeneratorSettings, see: See | None, place: TrainingPlace
    ) -> None:
        self._data, self._settings, self._see, self._place = data, settings, see, place
        self._told = told_classes(settings, data.names)
        self._batches = Batches(data, settings, self._told)
        self._networks = Adversaries(settings, self._told)
        self._checkpoints = Checkpoints(place.checkpoints)
        self._at, self._pace = _Progress(), DiscriminatorPace()
        self._best: list[Any] = []  # weights of the best measurement
        self._all = settings.epochs * self._batches.an_epoch
        self._all = min(self._all, settings.steps) if settings.steps else self._all
        self._point_every = max(1, self._all // _POINTS)
        self._log = TensorBoardLog(self._networks.logged(), place.logs, "training", histograms=False)
        self._real: tuple[Scale, Float32Array] | None = None
        self._saved = self._reported = self._ticked = place.clock()
        self._resumed, self.ended = False, ""

    def go_on(self) -> None:
        """Take up what was kept of this training, if anything."""
        saved = self._checkpoints.load()
        if saved is not None and self._networks.restore(saved.now):
            self._at, self._best, self._resumed = _Progress(**saved.progress), list(saved.best), True
            self._pace = DiscriminatorPace(self._at.factor, self._at.told_apart)
            self._set_rate()
            self._look_for_end()

    def step(self) -> None:
        """One batch, and what is due after it."""
        number, settings, figures = self._at.step, self._settings, dict[str, float]()
        if number % settings.discriminator_every == 0:
            of_its_own = number // settings.discriminator_every
            penalised = bool(settings.penalty) and of_its_own % settings.penalty_every == 0
            done = self._networks.discriminate(self._batches.discriminator(number), penalised=penalised)
            figures |= {"discriminator": done.loss, "penalty": done.penalty, "told_apart": done.told_apart}
            if settings.adaptive:
                self._pace.follow(done.told_apart)
                self._set_rate()
        if number % settings.generator_every == 0:
            figures["generator"] = self._networks.generate(self._batches.generator(number))
            self._networks.average(number // settings.generator_every)
        self._at.step += 1
        self._tick()
        self._note(figures)
        self._after()

    def finished(self) -> TrainedGenerator:
        """What came of it; the kept weights are set."""
        kept = self._at.step
        if self._settings.keep == LEAST_DISTANCE and self._best:
            self._networks.give(self._best)
            kept = self._at.best
        self._sheet("last")
        self._log.close()
        return TrainedGenerator(
            adversaries=self._networks,
            told=self._told,
            steps=self._at.step,
            epochs=self._at.step / self._batches.an_epoch,
            kept_step=kept,
            curve=tuple(CurvePoint(**point) for point in self._at.curve),
            measurements=tuple(self._measurements()),
            seconds=self._at.seconds,
            ended=self.ended,
            resumed=self._resumed,
        )

    def _after(self) -> None:
        """Sheets, measurements, checkpoints and progress, as they come due."""
        step, every = self._at.step, self._settings.measure_every
        epoch, inside = divmod(step, self._batches.an_epoch)
        last = step >= self._all
        if not inside and epoch in self._settings.sheet_epochs():
            self._sheet(f"epoch-{epoch:04}")
        self._look_for_end()
        if self._see is not None and (self.ended or (every and step % every == 0)):
            self._measure()
            self._look_for_end()
        now = self._place.clock()
        if now - self._saved >= self._settings.saved_every_s and not self.ended:
            self._save()
        if now - self._reported >= _REPORTED_EVERY_S or last:
            self._reported = now
            self._place.report("training", step / self._all, self._words())

    def _look_for_end(self) -> None:
        if self._at.step >= self._all:
            self.ended = "all steps are done"
        elif self._settings.minutes and self._at.seconds >= self._settings.minutes * 60:
            self.ended = "its time was up"
        elif at_its_end(self._measurements(), self._settings.patience):
            self.ended = f"nothing improved in {self._settings.patience} measurements, or it collapsed"

    def _measure(self) -> None:
        """Compare painted pictures with the validation pictures; the best weights so far are remembered."""
        if self._see is None:
            return
        if self._real is None:
            learned = spread_rows(self._data.train, self._settings.measured)
            scale = Scale.of(self._see(self._data.pictures[learned]))
            self._real = scale, scale.apply(self._see(self._data.pictures[self._data.validation]))
        scale, real = self._real
        count = self._settings.measured
        labels = self._data.labels[spread_rows(self._data.train, count)]
        noise = fixed_noise(count, self._settings.noise, MEASURE_SEED)
        seen = scale.apply(self._see(self._networks.paint(noise, one_hot(labels, self._told))))
        spread = float(seen.std(axis=0).mean() / max(real.std(axis=0).mean(), 1e-6))
        step = self._at.step
        found = Measurement(step, step / self._batches.an_epoch, kernel_distance(real, seen), spread)
        self._at.measurements.append(asdict(found))
        if best_of(self._measurements()) == found:
            self._best, self._at.best = self._networks.weights(), step
        self._log.figures(step, {"distance": found.distance, "spread": spread})
        self._tick()

    def _measurements(self) -> list[Measurement]:
        return [Measurement(**one) for one in self._at.measurements]

    def _note(self, figures: Mapping[str, float]) -> None:
        """Add a step to the next point of the curve."""
        sums = self._at.sums
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value
            sums[f"{name} steps"] = sums.get(f"{name} steps", 0.0) + 1
        if self._at.step % self._point_every and self._at.step < self._all:
            return
        before = self._at.curve[-1] if self._at.curve else {}

        def mean(name: str) -> float:
            count = sums.get(f"{name} steps", 0.0)
            return sums[name] / count if count else float(before.get(name, 0.0))

        point = CurvePoint(
            self._at.step, mean("generator"), mean("discriminator"), mean("penalty"), mean("told_apart"), self._rate()
        )
        self._at.curve.append(asdict(point))
        self._at.sums = {}
        self._log.figures(point.step, {k: v for k, v in asdict(point).items() if k != "step"})

    def _rate(self) -> float:
        return self._settings.discriminator_rate * self._pace.factor

    def _set_rate(self) -> None:
        self._at.factor, self._at.told_apart = self._pace.factor, self._pace.told_apart
        self._networks.set_discriminator_rate(self._rate())

    def _sheet(self, name: str) -> None:
        labels = np.arange(ON_A_SHEET, dtype=np.int64) % max(1, self._told)
        noise = fixed_noise(ON_A_SHEET, self._settings.noise, SHEET_SEED)
        self._place.sheet(name, self._networks.paint(noise, one_hot(labels, self._told)), labels)

    def _save(self) -> None:
        self._checkpoints.save(asdict(self._at), self._networks.variables(), self._best)
        self._saved = self._place.clock()

    def _tick(self) -> None:
        now = self._place.clock()
        self._at.seconds += now - self._ticked
        self._ticked = now

    def _words(self) -> str:
        at = self._at
        left = at.seconds / at.step * (self._all - at.step)
        if self._settings.minutes:
            left = min(left, max(0.0, self._settings.minutes * 60 - at.seconds))
        point = at.curve[-1] if at.curve else {"generator": 0.0, "discriminator": 0.0}
        losses = f"losses {point['generator']:.2f} and {point['discriminator']:.2f}"
        found = f", distance {at.measurements[-1]['distance']:.3f}" if at.measurements else ""
        epoch = at.step / self._batches.an_epoch
        return f"step {at.step} of {self._all}, epoch {epoch:.1f}, {losses}{found}, {duration(left)} left"
