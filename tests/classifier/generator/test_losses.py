"""What the networks are judged by, and that both losses can be watched while they learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.generator.adversaries import Adversaries
from classifier.generator.losses import discriminator_loss, generator_loss
from classifier.generator.settings import experiment_settings
from classifier.generator.trainer import TrainingPlace, train_generator
from classifier.recipes import tensorboard_log
from tests.classifier.generator.tiny_generator import SMALL, WITHOUT_FEATURES, tiny_data

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when it logs
REAL, PAINTED = (np.random.default_rng(seed).normal(size=(9, 1)).astype(np.float32) * 3 for seed in (1, 2))


def cross_entropy(logits: np.ndarray, label: float) -> float:
    """Of a sigmoid's output and a label, as published: neither smoothed nor noisy."""
    import keras

    probabilities = keras.ops.sigmoid(logits)
    return float(np.mean(keras.losses.binary_crossentropy(np.full_like(logits, label), probabilities)))


def test_the_published_losses_are_binary_cross_entropy_of_a_sigmoid_with_labels_one_and_zero() -> None:
    of_both = cross_entropy(REAL, 1.0) + cross_entropy(PAINTED, 0.0)

    assert float(discriminator_loss("cross_entropy", REAL, PAINTED)) == pytest.approx(of_both, rel=1e-4)
    assert float(generator_loss("cross_entropy", None, PAINTED)) == pytest.approx(cross_entropy(PAINTED, 1.0), rel=1e-4)


def test_the_relativistic_loss_is_of_pairs_and_the_two_networks_want_opposites() -> None:
    one = float(discriminator_loss("relativistic", REAL, PAINTED))

    assert one == pytest.approx(float(np.log1p(np.exp(PAINTED - REAL)).mean()), rel=1e-5)
    assert float(generator_loss("relativistic", PAINTED, REAL)) == pytest.approx(one, rel=1e-6)
    assert float(discriminator_loss("relativistic", REAL + 5, PAINTED + 5)) == pytest.approx(one, rel=1e-5)


@pytest.mark.parametrize("number", ["1", "2", "3", "4"])
def test_both_optimizers_are_adam_at_the_published_rates(number: str) -> None:
    settings = experiment_settings(number, SMALL)

    optimizers = Adversaries(settings, 0).optimizers

    assert [type(one).__name__ for one in optimizers] == ["Adam", "Adam"]
    rates = [float(one.learning_rate) for one in optimizers]
    assert rates == pytest.approx([settings.generator_rate, settings.discriminator_rate])


@pytest.mark.skipif(not tensorboard_log.installed(), reason="the extra tensorboard is not installed")
def test_both_losses_are_in_the_log_while_it_trains(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    seen: list[set[str]] = []

    def look(name: str, pictures: object, labels: object) -> None:
        log = EventAccumulator(str(tmp_path / "training" / "train"), {"tensors": 0}).Reload()
        seen.append(set(log.Tags()["tensors"]))

    words = [*SMALL, *WITHOUT_FEATURES, "steps=40", "epochs=20", "sheets=4"]  # five batches an epoch
    done = train_generator(tiny_data(), experiment_settings("4", words), None, TrainingPlace(logs=tmp_path, sheet=look))

    log = EventAccumulator(str(tmp_path / "training" / "train"), {"tensors": 0}).Reload()
    for tag in ("epoch_generator", "epoch_discriminator"):
        assert [event.step for event in log.Tensors(tag)] == [point.step for point in done.curve]
        assert tag in seen[0]  # before the end
