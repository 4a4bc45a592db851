"""Varied copies: what is asked for happens, nothing else does."""

from __future__ import annotations

import numpy as np

from classifier.recipes.variations import mixed, varied
from tests.classifier.recipes.painted import TinySettings, squares


def half_and_half(side: int = 16) -> np.ndarray:
    """Left half dark, right half light."""
    picture = np.zeros((1, side, side, 3), np.uint8)
    picture[:, :, side // 2 :] = 200
    return picture


def test_without_any_variation_pictures_stay_as_they_are() -> None:
    pictures = squares(8).pictures

    copies = varied(pictures, TinySettings(mirror=False), np.random.default_rng(0))

    assert copies.dtype == np.float32
    assert np.array_equal(copies, pictures)


def test_half_of_the_copies_are_mirrored() -> None:
    pictures = np.repeat(half_and_half(), 200, axis=0)

    for settings in (TinySettings(), TinySettings(shift=0.01)):
        copies = varied(pictures, settings, np.random.default_rng(0))
        mirrored = copies[:, :, :4].mean(axis=(1, 2, 3)) > 100
        assert 70 < mirrored.sum() < 130


def test_turning_moving_scaling_and_shearing_change_a_picture_and_keep_its_middle() -> None:
    for one in ({"turn": 20.0}, {"shift": 0.1}, {"zoom": 0.2}, {"shear": 0.2}):
        pictures = np.zeros((30, 16, 16, 3), np.uint8)
        pictures[:, 5:11, 5:11] = 250
        copies = varied(pictures, TinySettings(mirror=False, **one), np.random.default_rng(1))
        assert (np.abs(copies - pictures).max(axis=(1, 2, 3)) > 20).mean() > 0.5, one
        assert (copies[:, 7:9, 7:9] > 200).all(), one


def test_what_lies_outside_is_of_the_borders_colour() -> None:
    pictures = np.full((20, 16, 16, 3), 137, np.uint8)

    copies = varied(pictures, TinySettings(shift=0.4, turn=40.0), np.random.default_rng(2))

    assert np.abs(copies - 137).max() <= 1


def test_noise_stays_within_the_levels_of_a_picture() -> None:
    pictures = np.full((4, 16, 16, 3), 254, np.uint8)

    copies = varied(pictures, TinySettings(noise=10.0), np.random.default_rng(3))

    assert copies.max() <= 255.0
    assert 3 < copies.std() < 10


def test_light_moves_whole_pictures_and_keeps_what_is_brighter_brighter() -> None:
    pictures = np.repeat(half_and_half(), 40, axis=0)

    copies = varied(pictures, TinySettings(mirror=False, light=0.3), np.random.default_rng(4))

    dark, bright = copies[:, :, :8], copies[:, :, 8:]
    assert (dark.max(axis=(1, 2, 3)) < bright.min(axis=(1, 2, 3))).all()
    assert np.ptp(bright.mean(axis=(1, 2, 3))) > 40
    assert copies.min() >= 0
    assert copies.max() <= 255


def test_so_many_of_the_samples_are_partly_covered() -> None:
    pictures = np.full((400, 16, 16, 3), 137, np.uint8)

    copies = varied(pictures, TinySettings(mirror=False, cover=0.5), np.random.default_rng(5))

    covered = (copies != 137).any(axis=3).mean(axis=(1, 2))
    assert 160 < (covered > 0).sum() < 240
    assert covered.max() < 0.15


def test_mixed_labels_sum_to_one_and_follow_their_pictures() -> None:
    pictures = np.zeros((64, 2, 2, 3), np.float32)
    labels = np.eye(2, dtype=np.float32)[np.arange(64) % 2]
    pictures[1::2] = 100.0

    blended, shares = mixed(pictures, labels, 0.4, np.random.default_rng(0))

    assert np.allclose(shares.sum(axis=1), 1.0)
    assert np.allclose(blended[:, 0, 0, 0], 100.0 * shares[:, 1], atol=1e-3)
    assert ((shares > 0.05) & (shares < 0.95)).any()
    assert mixed(pictures, labels, 0.0, np.random.default_rng(0))[0] is pictures


def test_copies_are_as_small_as_is_asked_for() -> None:
    copies = varied(half_and_half(), TinySettings(mirror=False), np.random.default_rng(0), side=8)

    assert copies.shape == (1, 8, 8, 3)
    assert copies[0, :, :3].max() < 10
    assert copies[0, :, 5:].min() > 190
