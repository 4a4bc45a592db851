"""A generator's training: what moves, what is kept, when it ends, and going on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.generator.settings import GeneratorSettings, experiment_settings
from classifier.generator.trainer import TrainedGenerator, TrainingPlace, spread_rows, train_generator
from tests.classifier.generator.tiny_generator import SMALL, WITHOUT_FEATURES, colours, tiny_data
from tests.equipment.parameters import slow_after

BEST = experiment_settings("best", SMALL)


class Killed(Exception):
    pass


class Clock:
    """Every look takes a second; it dies at a moment."""

    def __init__(self, dies_at: float = 1e9) -> None:
        self.now, self._dies_at = 0.0, dies_at

    def __call__(self) -> float:
        self.now += 1.0
        if self.now >= self._dies_at:
            raise Killed
        return self.now


def same(one: TrainedGenerator, other: TrainedGenerator) -> bool:
    pairs = zip(one.adversaries.variables(), other.adversaries.variables(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("experiment", slow_after(2, ["4", "best", "1", "2"]))
def test_every_experiment_trains_both_networks_as_often_as_it_says(experiment: str) -> None:
    settings = experiment_settings(experiment, [*SMALL, *WITHOUT_FEATURES, "steps=6", "measure_every=0"])
    data = tiny_data()

    done = train_generator(data, settings, None)

    assert (done.steps, done.kept_step, done.ended, done.measurements) == (6, 6, "all steps are done", ())
    points = done.curve
    assert [point.step for point in points] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite([point.generator, point.discriminator, point.penalty]).all() for point in points)
    by_generator = [point.generator for point in points]
    if experiment == "2":
        assert len(set(by_generator)) == 2  # steps 1 and 6
    if experiment == "1":
        assert len({point.discriminator for point in points}) == 2
    assert (done.told, any(point.penalty > 0 for point in points)) == (
        (2, True) if experiment == "best" else (0, False)
    )


def test_one_that_was_killed_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    settings = replace(BEST, steps=5, measure_every=2, saved_every_s=3)
    whole = train_generator(tiny_data(), settings, colours)

    with pytest.raises(Killed):
        train_generator(tiny_data(), settings, colours, TrainingPlace(tmp_path, clock=Clock(dies_at=15)))
    on = train_generator(tiny_data(), settings, colours, TrainingPlace(tmp_path))

    assert on.resumed and not whole.resumed
    assert same(whole, on)
    assert (whole.curve, whole.measurements, whole.kept_step) == (on.curve, on.measurements, on.kept_step)


def test_checkpoints_of_other_networks_are_not_taken_up(tmp_path: Path) -> None:
    place = TrainingPlace(tmp_path, clock=Clock())
    train_generator(tiny_data(), replace(BEST, steps=2, saved_every_s=0), colours, place)

    assert not train_generator(tiny_data(), replace(BEST, steps=2, filters=2), colours, place).resumed


def test_the_best_measured_weights_are_kept_and_training_ends_when_nothing_improves() -> None:
    calls: list[int] = []

    def worse(pictures: Any) -> Any:
        """Painted pictures seem further away each time; the first two looks are at real ones."""
        calls.append(len(pictures))
        return colours(pictures) + (0 if len(calls) <= 2 else 100 * len(calls))

    done = train_generator(tiny_data(), replace(BEST, steps=40, patience=2, normal_discriminator=False), worse)

    distances = [one.distance for one in done.measurements]
    best = int(np.argmin(distances))
    assert done.kept_step == done.measurements[best].step
    assert len(distances) - 1 - best == 2 and done.steps < 40
    assert "nothing improved in 2 measurements" in done.ended


def test_time_ends_it_and_sheets_are_painted_at_their_epochs() -> None:
    sheets: list[str] = []
    settings = replace(BEST, steps=0, minutes=0.25, sheets="1,2", epochs=50)
    data = tiny_data()

    def sheet(name: str, pictures: Any, labels: Any) -> None:
        sheets.append(name)
        assert pictures.shape == (64, 96, 96, 3) and labels.tolist() == [0, 1] * 32

    done = train_generator(data, settings, None, TrainingPlace(clock=Clock(), sheet=sheet))

    assert done.ended == "its time was up"
    assert sheets == [f"epoch-{epoch:04}" for epoch in (1, 2) if epoch <= done.epochs] + ["last"]


def test_what_its_time_ended_is_measured_at_that_moment() -> None:
    settings = replace(BEST, steps=0, minutes=0.1, epochs=50, measure_every=1000)

    done = train_generator(tiny_data(), settings, colours, TrainingPlace(clock=Clock()))

    assert done.ended == "its time was up"
    assert [one.step for one in done.measurements] == [done.steps] == [done.kept_step]


def test_a_sheet_is_of_the_same_noise_and_nobody_is_told_a_single_class() -> None:
    data = replace(tiny_data(), labels=np.zeros(60, np.int64), names=("",))
    settings = GeneratorSettings(filters=1, noise=3, batch=4, steps=1, features="none", conditional=True)

    first, second = (train_generator(data, settings, None) for _ in range(2))

    assert first.told == 0 and same(first, second)


def test_rows_are_spread_over_all_of_them() -> None:
    assert spread_rows(np.arange(10), 5).tolist() == [0, 2, 4, 6, 8]
    assert spread_rows(np.arange(2), 4).tolist() == [0, 0, 1, 1]
    assert spread_rows(np.arange(2), 0).tolist() == []
