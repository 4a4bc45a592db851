"""The bench of whole illustrations: compositions are as described, and a deleted page of twenty panels fails it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.illustrations import WHOLE, WINDOWS, PageDecisions, RankingResult, decided_table, grid_of, met, ranked_table
from bench.samples.compositions import Crop, illustration, page, rendition

COLOURS = {"mona": (250, 0, 0), "keqing": (0, 0, 250)}


@pytest.fixture
def crops(tmp_path: Path) -> list[Crop]:
    """A face each, of one colour."""
    for name, colour in COLOURS.items():
        Image.new("RGB", (40, 40), colour).save(tmp_path / f"{name}.png")
    return [Crop(tmp_path / f"{name}.png", name) for name in COLOURS]


def test_an_illustration_shows_whom_it_says_as_large_as_it_says_and_always_the_same(crops: list[Crop]) -> None:
    made = [illustration(crops, (0.2, 0.3), np.random.default_rng(3)) for _ in range(2)]

    assert made[0] == made[1]
    assert (made[0].kinds, made[0].figures) == ({"mona", "keqing"}, 2)
    pixels = np.asarray(Image.open(io.BytesIO(made[0].content))).astype(int)
    side = min(pixels.shape[:2])
    for colour in COLOURS.values():
        shown = (np.abs(pixels - colour).max(axis=2) < 12).sum()
        assert (0.2 * side) ** 2 / 2 < shown < 1.3 * (0.3 * side) ** 2


def test_a_page_has_a_panel_a_crop_and_its_rendition_the_same_shape(crops: list[Crop]) -> None:
    drawn = page(crops * 10, 50, np.random.default_rng(0))

    served = rendition(drawn, 400)

    large, small = (Image.open(io.BytesIO(one.content)).size for one in (drawn, served))
    assert large[0] == 50 and 20 * 40 <= large[1] <= 20 * 58
    assert small[1] == 400 and small[0] == pytest.approx(50 * 400 / large[1], abs=1)
    assert (served.kinds, served.figures) == (drawn.kinds, 20)


def test_the_grid_of_four_covers_the_picture() -> None:
    boxes = grid_of(100, 200)

    assert min(left for left, *_ in boxes) == min(top for _, top, *_ in boxes) == 0
    assert max(right for _, _, right, _ in boxes) == 100 and max(box[3] for box in boxes) == 200


def test_a_deleted_page_of_twenty_panels_fails_the_bench_where_windows_are_looked_at() -> None:
    good = PageDecisions(20, True, 720, WINDOWS, kept=1, undecided=19, deleted=0, kept_wrongly=0, looks=9.0)

    assert met([good, replace(good, way=WHOLE, deleted=20), replace(good, panels=4, deleted=1)])
    assert not met([good, replace(good, deleted=1)])
    assert "| 20 | all | 720 px | with windows | 1 | 19 | 0 | 0 | 9.0 |" in decided_table([good])
    assert "| faces | 4 | whole only | 0.500 |" in ranked_table([RankingResult("faces", WHOLE, 4, 0.5, 0.5, 1.0)])
