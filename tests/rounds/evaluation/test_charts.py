"""Charts show the numbers correctly, whatever the numbers and names are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from classifier.metrics.quality import Estimate
from rounds.evaluation.charts import (
    Axes,
    Band,
    Bars,
    Captions,
    Cross,
    EndNames,
    Hover,
    Legend,
    Line,
    Mark,
    Note,
    Plane,
    Sheet,
    Upright,
    Words,
    draw,
    fitted_axis,
    interval_bar,
    line_chart,
    scale_for,
    signed_counts_axis,
    spaced_axis,
    unit_axis,
)

pytestmark = pytest.mark.no_gallery

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</svg><script>alert("1")</script>&\x00\x1b\u202e'
UNIT = Plane(unit_axis("recall"), unit_axis("precision"))


def svg(*marks: Mark, plane: Plane = UNIT) -> ElementTree.Element:
    return ElementTree.fromstring(draw(Words("a chart"), plane, marks))


def places(element: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in element.attrib["points"].split())]


def pixels(*points: tuple[float, float], plane: Plane = UNIT) -> list[tuple[float, float]]:
    return [(round(plane.across(x), 1), round(plane.up(y), 1)) for x, y in points]


def texts(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [one for one in root.iter(f"{SVG}text") if one.text]


def test_the_plane_lies_between_its_margins() -> None:
    sheet = UNIT.sheet

    assert pixels((0, 0), (1, 1)) == [(sheet.left, sheet.height - sheet.bottom), (sheet.width - sheet.right, sheet.top)]


def test_points_of_a_line_lie_where_the_numbers_say() -> None:
    points = [(0.1, 0.9), (0.5, 0.7), (1.0, 0.2)]

    (line,) = svg(Line(points)).iter(f"{SVG}polyline")

    assert places(line) == pixels(*points)


def test_a_stepped_line_holds_each_figure_until_the_next_point() -> None:
    (line,) = svg(Line([(0.9, 0.5), (0.6, 0.8)], stepped=True)).iter(f"{SVG}polyline")

    assert places(line) == pixels((0.9, 0.5), (0.6, 0.5), (0.6, 0.8))


def test_what_was_not_measured_is_a_gap_and_not_a_zero() -> None:
    line = Line([(0.0, 0.5), (0.1, 0.5), (0.2, math.nan), (0.3, 0.4), (0.4, 0.4)])
    band = Band([(0.0, 0.4, 0.6), (0.1, 0.4, 0.6), (0.2, math.nan, math.nan), (0.3, 0.3, 0.5), (0.4, 0.3, 0.5)])

    root = svg(band, line)

    assert [places(one) for one in root.iter(f"{SVG}polyline")] == [
        pixels((0.0, 0.5), (0.1, 0.5)),
        pixels((0.3, 0.4), (0.4, 0.4)),
    ]
    assert len(list(root.iter(f"{SVG}polygon"))) == 2


def test_a_band_runs_along_its_high_ends_and_back_along_its_low_ones() -> None:
    (band,) = svg(Band([(0.2, 0.1, 0.3), (0.6, 0.4, 0.8)])).iter(f"{SVG}polygon")

    assert places(band) == pixels((0.2, 0.3), (0.6, 0.8), (0.6, 0.4), (0.2, 0.1))


def test_whiskers_end_where_the_interval_ends() -> None:
    upright, level = svg(Cross((0.5, 0.6), (0.4, 0.7), (0.45, 0.55))).iter(f"{SVG}path")

    (x, low), (_, high) = pixels((0.5, 0.4), (0.5, 0.7))
    assert upright.attrib["d"].startswith(f"M{x} {low}V{high}")
    (left, y), (right, _) = pixels((0.45, 0.6), (0.55, 0.6))
    assert level.attrib["d"].startswith(f"M{left} {y}H{right}")


def test_a_point_that_was_not_measured_is_not_drawn_and_one_without_interval_has_no_whiskers() -> None:
    root = svg(Cross((math.nan, 0.5), (0.1, 0.2)), Cross((0.5, 0.5)))

    assert len(list(root.iter(f"{SVG}circle"))) == 1
    assert not list(root.iter(f"{SVG}path"))


def test_twenty_wrong_ones_stay_visible_beside_two_thousand() -> None:
    plane = Plane(unit_axis("score"), signed_counts_axis("pictures", 20, 2000))

    root = svg(Bars([(0.0, 0.1, 20, "twenty")]), Bars([(0.0, 0.1, -2000, "many")], 1), plane=plane)

    few, many = (float(bar.attrib["height"]) for bar in root.iter(f"{SVG}rect"))
    assert few > many / 4
    assert [one.text for one in root.iter(f"{SVG}title")] == ["twenty", "many"]


def test_bars_grow_upwards_and_downwards_from_zero() -> None:
    plane = Plane(unit_axis("score"), signed_counts_axis("pictures", 10, 10))

    up, down = svg(Bars([(0, 1, 10, "")]), Bars([(0, 1, -10, "")]), plane=plane).iter(f"{SVG}rect")

    assert float(up.attrib["y"]) + float(up.attrib["height"]) == pytest.approx(plane.up(0), abs=0.1)
    assert float(down.attrib["y"]) == pytest.approx(plane.up(0), abs=0.1)


def test_a_bar_of_zero_is_left_out() -> None:
    assert not list(svg(Bars([(0, 0.1, 0, "none"), (0.1, 0.2, math.nan, "unknown")])).iter(f"{SVG}rect"))


@pytest.mark.parametrize(("up", "down"), [(0, 0), (1, 1), (5, 300), (180, 900), (12_000, 250_000), (3, 10_000_000)])
def test_ticks_of_counts_never_overlap(up: int, down: int) -> None:
    plane = Plane(unit_axis("score"), signed_counts_axis("pictures", up, down), Sheet(top=50))

    heights = sorted(plane.up(value) for value, _ in plane.y.ticks)

    assert all(lower - upper >= 11 for upper, lower in itertools.pairwise(heights))


@pytest.mark.parametrize(
    "values", [[0.0012, 0.00098, 0.0001], [2.4, 0.05], [7.0], [0.0, 0.0], [-3.0, 12.0], [1e6, 9e6]]
)
def test_a_fitted_axis_holds_its_values_between_round_ticks(values: Sequence[float]) -> None:
    axis = fitted_axis("loss", values)

    assert axis.low <= min(values) <= max(values) <= axis.high
    assert 2 <= len(axis.ticks) <= 8
    assert all(len(text) <= 7 for _, text in axis.ticks)


def test_values_beyond_the_axis_stay_on_the_sheet() -> None:
    (line,) = svg(Line([(-1, 2), (2, -1)])).iter(f"{SVG}polyline")

    assert places(line) == pixels((0, 1), (1, 0))


@pytest.mark.parametrize("at", [0.0, 0.003, 0.5, 0.997, 1.0])
def test_the_name_of_a_threshold_stays_on_the_sheet(at: float) -> None:
    name = f"in force: {at:.3f}"

    text = next(one for one in texts(svg(Upright(at, name))) if one.text == name)

    half = len(name) * 3.3
    assert UNIT.sheet.left <= float(text.attrib["x"]) - half
    assert float(text.attrib["x"]) + half <= UNIT.sheet.width


def test_captions_without_room_are_left_out() -> None:
    captions = Captions("n =", [(0.01, "1,200"), (0.02, "1,300"), (0.5, "7"), (math.nan, "8")])

    found = [one.text for one in texts(svg(captions))]

    assert {"n =", "1,200", "7"} <= set(found)
    assert not {"1,300", "8"} & set(found)


def test_names_at_the_ends_of_lines_keep_apart_and_on_the_plane() -> None:
    names = EndNames([("one", 0.0, 0), ("two", 0.0, 1), ("three", 0.01, 2)])

    heights = sorted(float(one.attrib["y"]) for one in texts(svg(names)) if one.text in {"one", "two", "three"})

    assert all(lower - upper >= 15 for upper, lower in itertools.pairwise(heights))
    assert heights[-1] <= UNIT.floor + 5


def test_hostile_names_are_shown_as_text_only() -> None:
    marks = [
        Legend([(HOSTILE, 0)]),
        Note((0.5, 0.5), HOSTILE),
        Upright(0.5, HOSTILE),
        Hover([(0.1, 0.1, HOSTILE)]),
        Cross((0.5, 0.5), note=HOSTILE),
        Bars([(0, 1, 1, HOSTILE)]),
        EndNames([(HOSTILE, 0.5, 0)]),
        Captions(HOSTILE, [(0.5, HOSTILE)]),
    ]
    plane = Plane(unit_axis(HOSTILE), spaced_axis(HOSTILE, [0, 1]))

    root = ElementTree.fromstring(draw(Words(HOSTILE, HOSTILE), plane, marks, alone=True))

    assert not [one.tag for one in root.iter() if "script" in one.tag]
    assert sum("<script>" in (one.text or "") for one in root.iter()) == 12
    assert "<script>" in root.attrib["aria-label"]


def test_an_interval_bar_shows_figure_interval_and_the_figure_of_all() -> None:
    root = ElementTree.fromstring(interval_bar(Estimate(0.9, 0.8, 1.0), 0.85, start=0.5))

    (dot,), (band,) = root.iter(f"{SVG}circle"), root.iter(f"{SVG}rect")
    assert float(dot.attrib["cx"]) == pytest.approx(4 + 112 * 0.8, abs=0.1)
    assert float(band.attrib["x"]) == pytest.approx(4 + 112 * 0.6, abs=0.1)
    assert float(band.attrib["width"]) == pytest.approx(112 * 0.4, abs=0.2)
    assert [one for one in root.iter(f"{SVG}path") if one.attrib["class"] == "guide"]


def test_an_interval_bar_without_a_figure_is_only_a_scale() -> None:
    root = ElementTree.fromstring(interval_bar(Estimate(math.nan, math.nan, math.nan)))

    assert [one.attrib["class"] for one in root] == ["track"]


def test_bars_begin_nearer_to_one_only_when_every_interval_does() -> None:
    high, low = Estimate(0.97, 0.93, 0.99), Estimate(0.6, 0.3, 0.8)

    assert scale_for([high]) == 0.9
    assert scale_for([high, low]) == 0.0
    assert scale_for([Estimate(math.nan, math.nan, math.nan)]) == 0.0
    assert scale_for([]) == 0.0


def test_a_line_chart_is_a_whole_file_with_its_numbers_in_tooltips() -> None:
    axes = Axes("Errors left", "answers", "errors", (0, 10, 200), evenly=True)

    root = ElementTree.fromstring(line_chart({"ours": [(0, 300), (10, 80), (200, 40)]}, axes))

    assert root.find(f"{SVG}style") is not None
    assert "Errors left" in [one.text for one in texts(root)]
    dots = [(float(one.attrib["cx"]), one[0].text) for one in root.iter(f"{SVG}circle")]
    assert [text for _, text in dots] == ["ours: 300 at 0", "ours: 80 at 10", "ours: 40 at 200"]
    assert dots[1][0] - dots[0][0] == pytest.approx(dots[2][0] - dots[1][0])


@pytest.mark.parametrize("points", [[], [(0.0, math.nan)], [(math.inf, 1.0)]])
def test_a_line_chart_of_nothing_is_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="needs points"):
        line_chart({"ours": points}, Axes("title", "x", "y"))
