"""Which tagged pictures a network is trained on, and which are held out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from classifier.training.embedders.pretrained import training_half, without_contradicted
from classifier.training.pipeline import Material
from classifier.training.splits import Split


def _material(train: range, validation: range, *, a_group: int = 1) -> Material:
    rows = [np.array(list(one), dtype=np.int64) for one in (train, validation, range(90, 100))]
    nothing: Any = np.zeros((0,))
    return Material(nothing, nothing, (), Split(*rows), np.arange(100) // a_group, nothing)


def test_half_of_the_pictures_are_trained_on_by_whole_groups_and_never_a_test_picture() -> None:
    material = _material(range(75), range(75, 90), a_group=5)

    rows = training_half(material, 0)

    assert 40 <= len(rows) <= 50
    assert rows.max() < 90
    others = np.setdiff1d(np.arange(90), rows)
    assert not set(material.groups[rows]) & set(material.groups[others])


def test_a_half_that_earlier_rounds_have_chosen_is_trained_on_again() -> None:
    assert training_half(_material(range(50), range(50, 90)), 0).tolist() == list(range(50))


def test_pictures_whose_tags_the_pretrained_network_contradicts_are_not_trained_on() -> None:
    shown = np.arange(100) % 2
    seen = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    seen[:, 0] += 12 * shown
    tags = shown.copy()
    tags[[4, 60, 95]] = 1
    material = replace(_material(range(75), range(75, 90)), shows=np.eye(2, dtype=np.float32)[tags])
    half = training_half(material, 0)

    rows = without_contradicted(half, material, seen, 0)

    assert sorted(set(half.tolist()) - set(rows.tolist())) == sorted({4, 60} & set(half.tolist()))
    assert {4, 60} & set(half.tolist())
    assert len(without_contradicted(np.arange(90, 100), material, seen, 0)) == 10  # tests are left as they are


@pytest.mark.parametrize("train", [range(0), range(10)])
def test_where_nothing_was_trained_before_the_half_is_dealt(train: range) -> None:
    rows = training_half(_material(train, range(len(train), 90)), 0)

    assert 40 <= len(rows) <= 50
