"""The charts of an evaluation's report: figures over all thresholds, and whether the scores are calibrated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

from classifier.metrics.assessment import Assessment, CurvePoint, TrainingCurve
from classifier.metrics.quality import Estimate
from rounds.evaluation.charts import (
    Band,
    Bars,
    Captions,
    Cross,
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
    scale_for,
    signed_counts_axis,
    unit_axis,
)
from rounds.evaluation.number_format import count, estimate, figure, pictures, share

_TOUCHED = 60  # points of a line with a tooltip; more would overlap
_LONGEST_NAME = 24  # letters of a target in a legend
_T = TypeVar("_T")
_Span = tuple[float, float, float, float]  # x, y, and its interval
_GAP = (math.nan,) * 4


def precision_recall(assessment: Assessment, low: float = 0.0) -> str:
    """Precision against recall at the gallery's prevalence, with the threshold in force; both axes begin at `low`."""
    points = [point for point in assessment.curve if _finite(point.recall.value, point.precision.value)]
    here = assessment.at_prevalence
    plane = Plane(unit_axis("recall", low), unit_axis("precision", low), Sheet(top=20))
    inside = [point for point in points if min(point.recall.value, point.precision.value) >= low]
    spans = _cut([(p.recall.value, p.precision.value, p.precision.low, p.precision.high) for p in points], low)
    marks: list[Mark] = [Band([(x, least, most) for x, _, least, most in spans], stepped=True)]
    if assessment.prevalence.value >= low:
        marks.append(Line([(low, assessment.prevalence.value), (1.0, assessment.prevalence.value)], guide=True))
        marks.append(Note((low, assessment.prevalence.value), "by chance", 6.0))
    marks += [
        Line([(x, y) for x, y, _, _ in spans], stepped=True),
        Hover([(point.recall.value, point.precision.value, _point_text(point)) for point in _some(inside)]),
        Cross(
            (here.recall.value, here.precision.value),
            (here.precision.low, here.precision.high),
            (here.recall.low, here.recall.high),
            6.0,
            1,
            _point_text(here),
        ),
        Note((here.recall.value, here.precision.value), f"threshold {figure(assessment.threshold)}", 12.0),
    ]
    where = f"from {low:g} up" if low else "in full"
    return draw(Words(f"Precision against recall, {where}", f"In force: {_point_text(here)}"), plane, marks)


def corner_begins(assessment: Assessment) -> float:
    """Where the axes of an enlarged upper right corner begin; 0: none is needed."""
    return scale_for((assessment.at_prevalence.precision, assessment.at_prevalence.recall))


def over_thresholds(assessment: Assessment) -> str:
    """Precision, recall, F1 and the share kept against the threshold."""
    at = [point.threshold for point in assessment.curve]
    lines: Mapping[str, Sequence[Estimate]] = {
        "precision": [point.precision for point in assessment.curve],
        "recall": [point.recall for point in assessment.curve],
        "F1": [point.f1 for point in assessment.curve],
        "share kept": [Estimate(point.kept, math.nan, math.nan) for point in assessment.curve],
    }
    bands, strokes, hovers = list[Mark](), list[Mark](), list[Mark]()
    for look, (name, figures) in enumerate(lines.items()):
        pairs = list(zip(at, figures, strict=True))
        bands.append(Band([(x, measured.low, measured.high) for x, measured in pairs], look))
        strokes.append(Line([(x, measured.value) for x, measured in pairs], look))
        hovers.append(
            Hover(_some([(x, measured.value, f"{name} {_exactly(measured)} at {figure(x)}") for x, measured in pairs]))
        )
    legend = Legend([(name, look) for look, name in enumerate(lines)])
    here = Upright(assessment.threshold, f"in force: {figure(assessment.threshold)}")
    words = Words("Figures against the threshold", f"In force: {_point_text(assessment.at_prevalence)}")
    plane = Plane(unit_axis("threshold"), unit_axis("share"), Sheet(top=50))
    return draw(words, plane, [*bands, *strokes, here, *hovers, legend])


def reliability(assessment: Assessment) -> str:
    """Observed share against mean score, by bin."""
    bins = [bin_ for bin_ in assessment.reliability if bin_.pictures]
    most = max((bin_.pictures for bin_ in bins), default=1)
    line = [(bin_.mean_score, bin_.share.value) for bin_ in bins]
    marks: list[Mark] = [Line([(0.0, 0.0), (1.0, 1.0)], guide=True), Line(line)]
    for bin_, place in zip(bins, line, strict=True):
        note = (
            f"{pictures(bin_.pictures)}, {_range(bin_.low, bin_.high)}: mean score {figure(bin_.mean_score)}, "
            f"{estimate(bin_.share)} show it"
        )
        radius = 3.0 + 3.0 * math.sqrt(bin_.pictures / most)
        marks.append(Cross(place, (bin_.share.low, bin_.share.high), radius=radius, note=note))
    marks.append(Captions("n =", [(bin_.mean_score, count(bin_.pictures)) for bin_ in bins]))
    words = Words("Reliability", f"Calibration error {estimate(assessment.calibration_error)} over {len(bins)} bins")
    return draw(words, Plane(unit_axis("mean score"), unit_axis("share that shows it"), Sheet(top=34)), marks)


def histogram(assessment: Assessment) -> str:
    """Scores of pictures that show the target upwards, of the others downwards."""
    up = [
        (bin_.low, bin_.high, bin_.positives, f"{count(bin_.positives)} show it, {_range(bin_.low, bin_.high)}")
        for bin_ in assessment.histogram
    ]
    down = [
        (bin_.low, bin_.high, -bin_.negatives, f"{count(bin_.negatives)} do not, {_range(bin_.low, bin_.high)}")
        for bin_ in assessment.histogram
    ]
    marks: list[Mark] = [
        Bars(up),
        Bars(down, 1),
        Line([(0.0, 0.0), (1.0, 0.0)], guide=True),
        Legend([(f"up: shows {_short(assessment.target)}", 0), ("down: does not", 1)], filled=True),
        Upright(assessment.threshold, f"in force: {figure(assessment.threshold)}"),
    ]
    shows, others = (
        sum(bin_.positives for bin_ in assessment.histogram),
        sum(bin_.negatives for bin_ in assessment.histogram),
    )
    highest, deepest = max(bar[2] for bar in up), max(-bar[2] for bar in down)
    plane = Plane(unit_axis("score"), signed_counts_axis("pictures", highest, deepest), Sheet(top=50))
    return draw(Words("Scores", f"{count(shows)} pictures show it, {count(others)} do not"), plane, marks)


def training(assessment: Assessment) -> Sequence[tuple[str, str]]:
    """A chart for each figure recorded in training, training and validation together: (name, SVG)."""
    charts = [(name, _learned(name, curves)) for name, curves in _by_figure(assessment.training).items()]
    return [(name, chart) for name, chart in charts if chart]


def _learned(name: str, curves: Sequence[TrainingCurve]) -> str:
    points = [pair for curve in curves for pair in _points(curve) if _finite(*pair)]
    if not points:
        return ""
    epochs, values = [x for x, _ in points], [y for _, y in points]
    plane = Plane(fitted_axis("epoch", epochs), fitted_axis("", values), Sheet(height=300))
    marks: list[Mark] = []
    for look, curve in enumerate(curves):
        line = _points(curve)
        notes = [(x, y, f"{_in_words(curve.name)} {y:.4g} after epoch {x:g}") for x, y in line]
        marks += [Line(line, look), Hover(notes, 3.0, look) if len(notes) <= _TOUCHED else Hover(_some(notes))]
    marks.append(Legend([(_in_words(curve.name), look) for look, curve in enumerate(curves)]))
    last = ", ".join(f"{_in_words(curve.name)} {curve.values[-1]:.4g}" for curve in curves if len(curve.values))
    return draw(Words(f"{name} while training", f"At the end: {last}"), plane, marks)


def _points(curve: TrainingCurve) -> list[tuple[float, float]]:
    return list(zip(curve.epochs, curve.values, strict=False))


def _by_figure(curves: Sequence[TrainingCurve]) -> dict[str, list[TrainingCurve]]:
    """Curves of one figure together: loss with val_loss."""
    groups: dict[str, list[TrainingCurve]] = {}
    for curve in curves:
        groups.setdefault(_in_words(curve.name.removeprefix("val_")), []).append(curve)
    return groups


def _in_words(name: str) -> str:
    """Names of Keras in words: val_loss is the validation loss."""
    return name.replace("val_", "validation ").replace("_", " ")


def _point_text(point: CurvePoint) -> str:
    return (
        f"threshold {figure(point.threshold)}: precision {estimate(point.precision)}, recall {estimate(point.recall)}, "
        f"F1 {estimate(point.f1)}, {share(point.kept)} kept"
    )


def _cut(spans: Sequence[_Span], low: float) -> list[_Span]:
    """A stepped curve of falling x, cut where its plane begins: up to the edges, with gaps for what is beyond."""
    kept: list[_Span] = []
    for number, this in enumerate(spans):
        before = spans[number - 1] if number else this
        was, stays = min(before[:2]) >= low, min(this[:2]) >= low
        if stays and not was:
            kept.append((this[0], low, *this[2:]))
        if was and not stays:
            kept.append((max(low, this[0]), before[1] if this[0] < low else low, *before[2:]))
        kept.append(this if stays else _GAP)
    return kept


def _exactly(measured: Estimate) -> str:
    return estimate(measured) if _finite(measured.low, measured.high) else figure(measured.value)


def _range(low: float, high: float) -> str:
    return f"scores {figure(low)} to {figure(high)}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _some(places: Sequence[_T]) -> list[_T]:
    """Evenly chosen ones, no more than have room for tooltips."""
    step = max(1, math.ceil(len(places) / _TOUCHED))
    return list(places[::step])


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
