"""How training went is kept with the model, small, and is no reason to refuse one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from classifier.package.package import Package
from classifier.training.backbone_training import TrainingSummary
from classifier.training.history import FILE, history_of, kept_history, training_curves


def package(folder: Path, content: bytes | None) -> Package:
    """Only its report matters."""
    return cast(Package, SimpleNamespace(folder=folder, report={FILE: content}.get))


def test_the_loss_of_an_epoch_is_the_mean_of_its_steps() -> None:
    history = history_of([4.0, 2.0, 1.0, 3.0, 5.0], [0.1, 0.2, 0.3, 0.2, 0.1], 2.0)

    assert history.epochs == (1.0, 2.0, 2.5)
    assert history.loss == (3.0, 2.0, 5.0)
    assert history.learning_rate == (0.2, 0.2, 0.1)


def test_a_training_of_many_epochs_is_summed_up_in_a_few_hundred_points() -> None:
    history = history_of([1.0] * 10_000, [0.1] * 10_000, 3.3)

    assert len(history.epochs) <= 201
    assert history.epochs[-1] == pytest.approx(10_000 / 3.3)
    assert list(history.epochs) == sorted(set(history.epochs))


def test_an_epoch_shorter_than_a_step_loses_no_step() -> None:
    history = history_of([3.0, 2.0, 1.0], [0.1] * 3, 0.5)

    assert history.loss == (3.0, 2.0, 1.0)
    assert history.epochs == (2.0, 4.0, 6.0)


def test_what_was_kept_comes_back_as_curves(tmp_path: Path) -> None:
    kept = package(tmp_path, history_of([2.0, 1.0], [0.1, 0.01], 1.0).to_bytes())

    curves = training_curves(kept)

    assert [(one.name, list(one.epochs), list(one.values)) for one in curves] == [
        ("loss", [1.0, 2.0], [2.0, 1.0]),
        ("learning rate", [1.0, 2.0], [0.1, 0.01]),
    ]
    assert kept_history(kept)[FILE]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"no json",
        b"[]",
        b'{"epochs": [1], "loss": [1, 2]}',
        json.dumps({"epochs": [1], "loss": [math.nan]}).encode(),
    ],
)
def test_older_and_odd_packages_have_no_curve(tmp_path: Path, content: bytes | None) -> None:
    assert training_curves(package(tmp_path, content)) == ()


def test_a_summary_has_the_keys_of_packages_on_disk_and_no_history() -> None:
    summary = TrainingSummary(steps=9, planned_steps=10, seconds=1.0, pictures_per_s=2.0, loss=0.5, self_trained=3)

    assert summary.facts() == {
        "steps": 9,
        "planned_steps": 10,
        "seconds": 1.0,
        "pictures_per_s": 2.0,
        "loss": 0.5,
        "self_taught": 3,
        "precision": "float32",
        "left_out": 0,
        "counted_s": 0.0,
    }
