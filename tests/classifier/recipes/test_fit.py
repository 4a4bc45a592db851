"""The one training loop: best epoch, early end, stages, seeds, and going on after a kill."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.backbones.catalogue import Origin
from classifier.recipes.fit import FitPlace, embeddings, fit, probabilities
from classifier.recipes.recipe_network import FULL, HALF, RecipeNetwork
from classifier.recipes.trained import TrainedNetwork
from tests.classifier.recipes.painted import SIDE, TINY, TinySettings, squares
from tests.equipment.parameters import slow_after

CLASSES = ("red", "green")


class Killed(Exception):
    pass


class Clock:
    """Every look takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def same(one: TrainedNetwork, other: TrainedNetwork) -> bool:
    weights = zip(one.embedder.get_weights(), other.embedder.get_weights(), strict=True)
    return np.array_equal(one.weights, other.weights) and all(np.array_equal(a, b) for a, b in weights)


def test_a_network_learns_and_is_cut_before_its_last_layer() -> None:
    stage = squares(200)

    network = fit(TINY, TinySettings(), CLASSES, [stage])

    shares = probabilities(network, stage.pictures[stage.validation])
    assert (shares.argmax(axis=1) == stage.labels[stage.validation]).mean() > 0.9
    assert np.allclose(shares.sum(axis=1), 1.0)
    assert embeddings(network, stage.pictures).shape == (200, 8)
    assert (network.weights.shape, network.bias.shape, network.classes) == ((8, 2), (2,), CLASSES)
    assert network.preprocessing.size == SIDE


def test_the_best_epochs_weights_are_kept_and_training_ends_when_nothing_improves() -> None:
    stage = squares(80)
    settings = TinySettings(rate=0.3, epochs=40, patience=3, seed=2)  # far too fast: it gets worse again

    network = fit(TINY, settings, CLASSES, [stage])

    (history,) = network.history
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert history.best == 1 + int(np.argmin(losses))
    assert len(losses) == history.best + 3 < 40
    shares = probabilities(network, stage.pictures[stage.validation])
    of_label = shares[np.arange(len(shares)), stage.labels[stage.validation]]
    assert -np.log(np.clip(of_label, 1e-7, 1)).mean() == pytest.approx(history.kept.validation_loss, rel=1e-3)
    assert history.planned_steps == history.steps


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    stage, settings = squares(60), TinySettings(epochs=2, turn=10.0, mixup=0.2)

    first, second = (fit(TINY, settings, CLASSES, [stage]) for _ in range(2))
    third = fit(TINY, replace(settings, seed=1), CLASSES, [stage])

    assert same(first, second)
    assert not same(first, third)


@pytest.mark.parametrize("kill_at", slow_after(1, [7, 2, 11]))
def test_a_training_that_was_killed_goes_on_and_ends_as_one_that_was_not(kill_at: int, tmp_path: Path) -> None:
    stages, settings = [squares(64, name="first"), squares(80, seed=3)], TinySettings(epochs=2, turn=5.0, noise=3.0)
    whole = fit(TINY, settings, CLASSES, stages)
    reports = 0

    def kill(stage: str, share: float, words: str) -> None:
        nonlocal reports
        reports += 1
        if reports == kill_at:
            raise Killed

    with pytest.raises(Killed):
        fit(TINY, settings, CLASSES, stages, place=FitPlace(tmp_path, report=kill, clock=Clock(), saved_every_s=0.0))
    again = fit(TINY, settings, CLASSES, stages, place=FitPlace(tmp_path))

    assert again.resumed and not whole.resumed
    assert same(again, whole)
    assert [[e.loss for e in one.epochs] for one in again.history] == [
        [e.loss for e in one.epochs] for one in whole.history
    ]


def test_damaged_checkpoints_are_none(tmp_path: Path) -> None:
    stages, settings = [squares(40)], TinySettings(epochs=1)
    whole = fit(TINY, settings, CLASSES, stages, place=FitPlace(tmp_path))
    for file in tmp_path.glob("*.npz"):
        file.write_bytes(file.read_bytes()[:-40])

    again = fit(TINY, settings, CLASSES, stages, place=FitPlace(tmp_path))

    assert not again.resumed
    assert same(again, whole)


def test_only_the_newest_checkpoint_is_left(tmp_path: Path) -> None:
    fit(TINY, TinySettings(epochs=3), CLASSES, [squares(40)], place=FitPlace(tmp_path, saved_every_s=0.0))

    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_stages_hand_their_weights_on() -> None:
    first = squares(160, name="easy")
    idle = TinySettings(rate=1e-8, epochs=1)

    with_stage = fit(TINY, replace(idle, rate=0.01, epochs=6), CLASSES, [first])
    untrained = fit(TINY, idle, CLASSES, [first])
    handed = fit(TINY, replace(idle, rate=0.01, epochs=6), CLASSES, [first, replace(squares(40, seed=9), name="last")])

    assert [one.name for one in handed.history] == ["easy", "last"]
    assert handed.history[0].epochs[-1].loss == pytest.approx(with_stage.history[0].epochs[-1].loss)
    assert handed.history[1].epochs[0].loss < 0.5 * untrained.history[0].epochs[0].loss


def test_the_time_that_is_given_ends_training_and_is_reported() -> None:
    reports: list[str] = []

    place = FitPlace(clock=Clock(), report=lambda stage, share, words: reports.append(words))
    network = fit(TINY, TinySettings(epochs=50, minutes=0.5), CLASSES, [squares(200)], place=place)

    (history,) = network.history
    assert 1 <= history.steps < history.planned_steps
    assert history.seconds < 60
    assert history.best >= 1
    assert reports and not any("most -" in words for words in reports), "no time is left, and not less than none"


def test_progress_names_epoch_figures_and_the_time_that_is_left() -> None:
    reports: list[tuple[str, float, str]] = []

    fit(
        TINY,
        TinySettings(epochs=2),
        CLASSES,
        [squares(64)],
        place=FitPlace(report=lambda *what: reports.append(what), clock=Clock()),
    )

    shares = [share for _, share, _ in reports]
    assert shares == sorted(shares) and shares[-1] == 1.0
    assert "epoch 2 of 2" in reports[-1][2]
    assert "pictures/s, at most 0 s left" in reports[-1][2]


def test_a_stage_without_pictures_to_validate_on_is_refused() -> None:
    stage = squares(40)

    with pytest.raises(ValueError, match="stage training: 30 pictures to train on and 0 to validate on"):
        replace(stage, validation=stage.validation[:0])


def test_a_network_in_half_precision_leaves_as_one_in_single_precision() -> None:
    """Files exported from half-precision models need operations that light interpreters lack."""
    half = RecipeNetwork(TINY, TinySettings(), 2, Origin(), HALF)

    network = half.cut(CLASSES)

    assert half.model.layers[2].compute_dtype == "float16"
    assert {layer.compute_dtype for layer in network.embedder.layers} == {FULL}
    assert {weight.dtype for weight in network.embedder.get_weights()} == {np.dtype(np.float32)}
    assert np.allclose(network.weights, half.model.get_layer("classes").get_weights()[0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, in its callback
def test_without_the_package_tensorboard_nothing_is_logged_and_training_works(tmp_path: Path) -> None:
    there = importlib.util.find_spec("tensorboard") is not None

    fit(TINY, TinySettings(epochs=1), CLASSES, [squares(40)], place=FitPlace(logs=tmp_path / "logs"))

    assert any((tmp_path / "logs").glob("training/*/events*")) == there
