"""Pictures of extreme shape are looked at in windows: always the same ones, few of them, and no part is left out."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from classifier.pictures.decoder_pool import Decoders, DecoderSettings
from classifier.pictures.preprocessing import Preprocessing, prepare, prepare_windows
from classifier.pictures.windows import EXTREME, MOST_WINDOWS, too_small, windows_of
from tests.classifier.tiny_models import jpeg, png

INPUT = Preprocessing(32)
SHAPES = [(200, 400), (200, 601), (333, 999), (200, 1000), (720, 4000), (200, 4000), (36, 720), (1, 3000)]
COLOURS = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (200, 200, 0)]


def column(side: int = 60) -> Image.Image:
    """Four panels of one colour each, one below the other."""
    page = Image.new("RGB", (side, side * len(COLOURS)))
    for place, colour in enumerate(COLOURS):
        page.paste(colour, (0, side * place, side, side * (place + 1)))
    return page


@pytest.mark.parametrize("shape", [(100, 100), (720, 480), (100, 178), (190, 100)])
def test_a_picture_of_ordinary_shape_has_no_windows(shape: tuple[int, int]) -> None:
    assert windows_of(*shape) == ()
    assert not too_small(*shape, size=1024)


@pytest.mark.parametrize("shape", SHAPES)
def test_windows_are_few_and_cover_the_whole_long_side(shape: tuple[int, int]) -> None:
    width, height = shape

    windows = windows_of(width, height)

    assert 2 <= len(windows) <= MOST_WINDOWS
    assert {(left, right) for left, _, right, _ in windows} == {(0.0, float(width))}
    assert (windows[0][1], windows[-1][3]) == (0.0, pytest.approx(height))
    assert all(after[1] <= before[3] + 1e-6 for before, after in pairwise(windows))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_wide_picture_has_the_windows_of_the_tall_one_that_it_is_on_its_side(shape: tuple[int, int]) -> None:
    width, height = shape

    on_its_side = [(top, left, bottom, right) for left, top, right, bottom in windows_of(width, height)]

    assert list(windows_of(height, width)) == on_its_side


@pytest.mark.parametrize("height", [400, 601, 800, 1250])
def test_whatever_is_a_fourth_of_a_window_long_lies_whole_in_one(height: int) -> None:
    windows = windows_of(200, height)

    for start in range(height - 50):
        assert any(top <= start and start + 50 <= bottom for _, top, _, bottom in windows)


@pytest.mark.parametrize(
    ("shape", "size", "small"),
    [
        ((200, 800), 128, False),
        ((40, 160), 128, True),  # forty pixels of its own
        ((800, 6 * 800), 128, False),
        ((800, 7 * 800), 128, True),  # eight squares do not overlap any more
        ((200, 4000), 96, True),  # twenty panels, whatever is looked at
        ((36, 720), 96, True),
        ((720, 36), 128, True),
        ((200, 100), 128, False),
    ],
)
def test_a_page_is_too_small_where_it_is_too_narrow_or_too_long_for_its_windows(
    shape: tuple[int, int], size: int, small: bool
) -> None:
    assert too_small(*shape, size=size) is small


@pytest.mark.parametrize("encode", [png, jpeg])
def test_a_window_shows_its_part_of_the_picture_and_nothing_else(encode: object) -> None:
    data = encode(column())  # type: ignore[operator] # one of two functions
    panels = [(0.0, 60.0 * place, 60.0, 60.0 * (place + 1)) for place in range(4)]

    shown = prepare_windows(data, INPUT, panels)

    for pixels, colour in zip(shown, COLOURS, strict=True):
        assert pixels.shape == (32, 32, 3)
        assert np.abs(pixels[4:-4, 4:-4].astype(int) - colour).max() < 12


def test_windows_of_a_picture_that_is_stored_on_its_side_are_those_of_the_upright_one() -> None:
    upright, sideways = io.BytesIO(), io.BytesIO()
    column().save(upright, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    column().transpose(Image.Transpose.ROTATE_90).save(sideways, "PNG", exif=exif)
    windows = windows_of(60, 240)

    shown = [prepare_windows(data.getvalue(), INPUT, windows) for data in (upright, sideways)]

    assert all(np.array_equal(one, other) for one, other in zip(*shown, strict=True))


async def test_decoders_cut_windows_where_they_are_wanted_and_the_whole_stays_the_same_to_the_pixel() -> None:
    tall, ordinary, tiny = (jpeg(column().resize(size)) for size in ((600, 2400), (300, 400), (9, 180)))
    inputs = [INPUT, Preprocessing(48, fit="crop")]

    async with Decoders(inputs, DecoderSettings(processes=1), windows=inputs) as decoders:
        seen = [await decoders.decode(data) for data in (tall, ordinary, tiny)]
    async with Decoders(inputs, DecoderSettings(processes=1)) as decoders:
        plain = await decoders.decode(tall)

    boxes = windows_of(600, 2400)
    for at, preprocessing in enumerate(inputs):
        expected = prepare_windows(tall, preprocessing, boxes)
        assert all(np.array_equal(*pair) for pair in zip(seen[0].windows[at], expected, strict=True))
        for one in (seen[0], plain):
            assert np.array_equal(one.pixels[at], prepare(tall, preprocessing).pixels)
    assert [one.too_small for one in seen] == [False, False, True]
    assert [[len(windows) for windows in one.windows] for one in (*seen[1:], plain)] == [[0, 0], [8, 8], [0, 0]]


def test_two_panels_in_a_column_are_over_the_limit() -> None:
    assert EXTREME < 2
    assert len(windows_of(200, 400)) >= 2
