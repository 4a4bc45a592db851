"""Varied copies of training pictures: turned, moved, scaled, sheared, lit otherwise, noisy, partly covered.

NumPy and Pillow only, so that it works the same under every Keras backend.
"""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from PIL import Image

from classifier.arrays import Float32Array
from classifier.pictures.preprocessing import Pixels
from classifier.recipes.settings import RecipeSettings

_COVERED_SIDE = (0.12, 0.33)  # of a painted rectangle, as a share of the picture's
_LEVELS = 255.0
_SMOOTH = Image.Resampling.BILINEAR


def varied(pictures: Pixels, settings: RecipeSettings, random: np.random.Generator, side: int = 0) -> Float32Array:
    """One varied copy of each picture.

    Args:
        pictures: RGB, shape (n, size, size, 3).
        settings: how far they may differ.
        random: decides; the same generator state gives the same copies.

        side: of the copies, pixels; 0: as the pictures.

    Returns:
        float32, shape (n, side, side, 3), 0..255.
    """
    if side and side != pictures.shape[1]:
        pictures = np.stack([np.asarray(Image.fromarray(one).resize((side, side), _SMOOTH)) for one in pictures])
    copies = np.stack([_moved(picture, settings, random) for picture in pictures])
    if settings.light:
        _light(copies, settings.light, random)
    if settings.noise:
        copies += random.normal(0.0, settings.noise, copies.shape).astype(np.float32)
        np.clip(copies, 0.0, _LEVELS, out=copies)
    for row in np.flatnonzero(random.random(len(copies)) < settings.cover) if settings.cover else ():
        _cover(copies[row], random)
    return copies


def _light(copies: Float32Array, most: float, random: np.random.Generator) -> None:
    """Another contrast and brightness for each picture, in place."""
    contrast, brightness = random.uniform(-most, most, (2, len(copies), 1, 1, 1)).astype(np.float32)
    middle = _LEVELS / 2
    copies += (copies - middle) * contrast + middle * brightness
    np.clip(copies, 0.0, _LEVELS, out=copies)


def _cover(copy: Float32Array, random: np.random.Generator) -> None:
    """A rectangle of one colour somewhere in the picture, in place."""
    size = len(copy)
    height, width = np.maximum(1, size * random.uniform(*_COVERED_SIDE, 2)).astype(int)
    top, left = random.integers(0, size - height + 1), random.integers(0, size - width + 1)
    copy[top : top + height, left : left + width] = random.uniform(0.0, _LEVELS, 3)


def _moved(picture: Pixels, settings: RecipeSettings, random: np.random.Generator) -> Float32Array:
    """What lies outside of the picture continues its border's mean colour."""
    size, shares = picture.shape[0], random.uniform(-1.0, 1.0, 6)
    mirrored = settings.mirror and random.random() < 0.5
    turn = math.radians(settings.turn) * shares[0]
    across, down = (1.0 + settings.zoom * share for share in shares[1:3])
    shear = settings.shear * shares[3]
    if not (settings.turn or settings.zoom or settings.shear or settings.shift):
        return np.array(picture[:, ::-1] if mirrored else picture, dtype=np.float32)
    turned = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    matrix = turned @ np.array([[-across if mirrored else across, shear], [0.0, down]])
    centre = np.full(2, size / 2)
    offset = centre - matrix @ (centre + settings.shift * size * shares[4:6])
    edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).mean(axis=0)
    moved = Image.fromarray(picture).transform(
        (size, size),
        Image.Transform.AFFINE,
        (matrix[0, 0], matrix[0, 1], offset[0], matrix[1, 0], matrix[1, 1], offset[1]),
        Image.Resampling.BILINEAR,
        fillcolor=cast("tuple[int, int, int]", tuple(int(level) for level in edge)),
    )
    return np.asarray(moved, dtype=np.float32)


def mixed(
    pictures: Float32Array, labels: Float32Array, alpha: float, random: np.random.Generator
) -> tuple[Float32Array, Float32Array]:
    """Each picture and its label blended with another one of the batch.

    Args:
        pictures: shape (n, size, size, 3), or what a frozen network saw of them, (n, d).
        labels: shape (n, classes), rows that sum to one.
        alpha: both parameters of the beta distribution that the share comes from; 0: nothing is blended.
        random: decides.

    Source: Zhang et al. 2017, "mixup: Beyond Empirical Risk Minimization".
    """
    if not alpha:
        return pictures, labels
    share = random.beta(alpha, alpha, len(pictures)).astype(np.float32)
    other = random.permutation(len(pictures))
    of_pictures, of_labels = share.reshape(-1, *[1] * (pictures.ndim - 1)), share[:, None]
    return (
        of_pictures * pictures + (1 - of_pictures) * pictures[other],
        of_labels * labels + (1 - of_labels) * labels[other],
    )
