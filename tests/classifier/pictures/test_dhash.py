"""Re-uploads of one drawing are distinguished from other drawings, fast."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from classifier.pictures.dhash import NEAR, dhash, hash_array, near_pairs
from classifier.pictures.preprocessing import Preprocessing, prepare
from classifier.training.splits import Identity, group
from tests.classifier.tiny_models import paintings


def encoded(image: Image.Image, kind: str, **settings: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def drawing(seed: int) -> Image.Image:
    """A few large shapes and shades, as drawings have them; 360x520."""
    small = np.random.default_rng(seed).integers(0, 255, (7, 5, 3)).astype(np.uint8)
    return Image.fromarray(small).resize((360, 520), Image.Resampling.BICUBIC)


def apart(one: int, other: int) -> int:
    return (one ^ other).bit_count()


@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_a_copy_in_another_size_format_and_quality_has_nearly_the_same_hash(fit: str) -> None:
    image = drawing(1)
    original = prepare(encoded(image, "PNG"), Preprocessing(96)).hash
    copies = [
        encoded(image.resize((180, 260), Image.Resampling.LANCZOS), "JPEG", quality=60),
        encoded(image.resize((720, 1040), Image.Resampling.BICUBIC), "WEBP", quality=80),
        encoded(image.point(lambda value: min(255, value + 8)), "JPEG", quality=90),
    ]

    hashes = [prepare(copy, Preprocessing(224, fit)).hash for copy in copies]

    assert max(apart(original, each) for each in hashes) <= NEAR


def test_other_drawings_have_other_hashes() -> None:
    hashes = [dhash(drawing(seed)) for seed in range(40)]

    assert min(apart(a, b) for at, a in enumerate(hashes) for b in hashes[:at]) > NEAR


def test_a_border_that_the_network_needs_does_not_make_tall_pictures_alike() -> None:
    tall = [drawing(seed).resize((60, 520)) for seed in (1, 2)]

    hashes = [prepare(encoded(image, "PNG"), Preprocessing(96)).hash for image in tall]

    assert apart(*hashes) > NEAR


def test_the_hash_is_that_of_the_upright_picture() -> None:
    image, turned = drawing(3), Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    stream = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(stream, "JPEG", exif=turned)

    assert apart(prepare(stream.getvalue(), Preprocessing(96)).hash, dhash(image)) <= NEAR


def test_flat_pictures_are_near_to_nothing() -> None:
    flat = dhash(Image.new("RGB", (32, 32), (250, 250, 250)))
    nearly = np.full((32, 32), 250, np.uint8)
    nearly[5:7, 12:14] = 9  # within one cell
    speck = dhash(Image.fromarray(nearly))

    groups = group([Identity(number, picture_hash=each) for number, each in enumerate((flat, flat, speck, speck))])

    assert speck != flat
    assert len(set(groups.tolist())) == 4


def test_noise_in_a_flat_part_is_no_difference() -> None:
    noise = np.random.default_rng(0).normal(250, 0.4, (200, 200)).round().astype(np.uint8)

    assert dhash(Image.fromarray(noise)) == 0


@pytest.mark.parametrize("image", [paintings(1)[0], Image.new("L", (1, 1)), Image.new("RGBX", (9, 3))])
def test_any_decoded_picture_has_a_hash(image: Image.Image) -> None:
    assert 0 <= dhash(image) < 2**64


def test_all_near_pairs_are_found_and_no_others() -> None:
    random = np.random.default_rng(5)
    some = random.integers(1 << 20, 1 << 63, 150).astype(np.uint64)
    hashes = np.concatenate([some, some])
    for row in range(len(hashes)):  # nought to five bits changed
        for bit in random.choice(64, row % 6, replace=False).tolist():
            hashes[row] ^= np.uint64(1 << bit)
    rows = range(len(hashes))
    near = {(a, b) for a in rows for b in rows[:a] if apart(int(hashes[a]), int(hashes[b])) <= NEAR}

    ones, others = near_pairs(hashes)

    assert {(max(pair), min(pair)) for pair in zip(ones.tolist(), others.tolist(), strict=True)} == near
    assert len(near) > 30


def test_equal_hashes_are_one_group_and_unknown_ones_none() -> None:
    ones, others = near_pairs(hash_array([None, 0xF0F0F0, 7 << 50, 0xF0F0F0, None, 0xF0F0F0]))

    assert sorted(zip(ones.tolist(), others.tolist(), strict=True)) == [(1, 3), (1, 5)]
