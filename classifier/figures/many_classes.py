"""Figures of a recogniser: confusions, thresholds, how sure it is when right or wrong, pictures with names."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from classifier.arrays import BoolArray
from classifier.figures.style import DASHES, Drawing, Palette, draw
from classifier.recognition.certainty import Certainty, Limits
from classifier.recognition.quality import ManyClassQuality, ThresholdCurves

NAMES = ("confusion", "thresholds", "class-thresholds", "certainty", "predictions")  # of the figures
_NUMBERED = 20  # classes up to which every cell has its number
_RULED = 5  # rows between lines of a larger matrix
_WORTH_A_NUMBER = 0.05  # share of a row from which a mistake has its number in a larger matrix
_LONGEST = 22  # letters of a name in a figure
_COLUMNS = 5  # of small figures in a row
_POINTS = 4000  # at most, of the right answers in a scatter plot; wrong ones are all there


def confusion_figure(quality: ManyClassQuality) -> Drawing:
    """The confusion matrix: a row a class that is shown, a column an answer, shades by share of the row."""
    count = len(quality.names)
    rows = quality.confusion / np.maximum(quality.confusion.sum(axis=1, keepdims=True), 1)
    side = min(16.0, 4.5 + 0.36 * count if count <= _NUMBERED else 3.5 + 0.24 * count)
    small = min(9.0 if count <= _NUMBERED else 10.0, 36 * side / count)  # points: half of a row's height

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        axes.imshow(rows, cmap=palette.shades, vmin=0, vmax=1, interpolation="nearest")
        axes.grid(visible=False)
        for edge in range(_RULED, count, _RULED) if count > _NUMBERED else ():  # the eye follows a row and a column
            axes.axhline(edge - 0.5, color=palette.quiet, linewidth=0.6, alpha=0.45)
            axes.axvline(edge - 0.5, color=palette.quiet, linewidth=0.6, alpha=0.45)
        axes.set_xticks(range(count), [_short(name) for name in quality.names], rotation=90, fontsize=small)
        axes.set_yticks(range(count), [_short(name) for name in quality.names], fontsize=small)
        axes.set_xlabel("answered")
        axes.set_ylabel("shown")
        for row, column in np.argwhere(quality.confusion > 0).tolist():
            if count <= _NUMBERED or (row != column and rows[row, column] >= _WORTH_A_NUMBER):
                colour = palette.ground if rows[row, column] > 0.6 else palette.text
                axes.text(
                    column, row, f"{quality.confusion[row, column]}", ha="center", va="center", color=colour,
                    fontsize=min(small, 9),
                )  # fmt: skip

    accuracy = quality.accuracy.value
    weakest = min((one for one in quality.classes if one.pictures), key=lambda one: one.recall)
    alt = (
        f"Confusion matrix of {count} answers, {quality.pictures} pictures, {accuracy:.1%} right. "
        f"Least found: {weakest.name}, {weakest.recall:.0%} of {weakest.pictures}"
        + (f", most often taken for {weakest.taken_for}." if weakest.taken_for else ".")
    )
    return draw("confusion", "What pictures show, and what was answered", alt, (side, side), plot)


def thresholds_figure(every: ThresholdCurves, limits: Limits) -> Drawing:
    """Precision, recall and F1 of all names against the least probability from which a name is said."""

    def plot(figure: Figure, palette: Palette) -> None:
        axes = figure.add_subplot()
        _curves(axes, every, palette)
        if limits.top > 0:
            axes.axvline(limits.top, color=palette.quiet, linewidth=1)
            axes.annotate(f"in force {limits.top:.2f}", (limits.top, 0.02), color=palette.text, rotation=90, ha="right")
        axes.set_xlabel("least probability from which a name is said")
        axes.set_ylabel("share")
        axes.legend(loc="lower left")

    best = every.best()
    at = int(np.argmin(np.abs(every.least - best)))
    alt = (
        f"Precision, recall and F1 of all names by the least probability. F1 is highest at {best:.2f}: "
        f"precision {every.precision[at]:.3f}, recall {every.recall[at]:.3f}."
    )
    return draw("thresholds", "All names against the least probability", alt, (7.5, 4.6), plot)


def class_thresholds_figure(curves: Mapping[str, ThresholdCurves]) -> Drawing:
    """The same for each class, in small figures."""
    columns = min(_COLUMNS, max(1, len(curves)))
    lines = max(1, math.ceil(len(curves) / columns))

    def plot(figure: Figure, palette: Palette) -> None:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axes, (name, of) in zip(grid.flat, curves.items(), strict=False):
            _curves(axes, of, palette)
            best = of.best()
            axes.axvline(best, color=palette.quiet, linewidth=1)
            axes.set_title(f"{_short(name)}  ({best:.2f})", fontsize=9)
        for axes in list(grid.flat)[len(curves) :]:
            axes.set_axis_off()
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3)

    best = ", ".join(f"{name} {of.best():.2f}" for name, of in list(curves.items())[:_NUMBERED])
    more = ", …" if len(curves) > _NUMBERED else ""
    alt = (
        f"Precision, recall and F1 of each of {len(curves)} classes by the least probability. Best F1 at: {best}{more}."
    )
    return draw(
        "class-thresholds",
        "Each class against the least probability; the line is at the best F1",
        alt,
        (1 + 2.2 * columns, 1.4 + 1.9 * lines),
        plot,
    )


def certainty_figure(certainty: Certainty, right: BoolArray, limits: Limits) -> Drawing:
    """Three scatter plots of right and wrong answers: top probability, gap to the second, standard deviation."""
    figures = {"top probability": certainty.top, "gap to the second": certainty.gap, "deviation": certainty.deviation}
    lines = {"top probability": limits.top, "gap to the second": limits.gap, "deviation": limits.deviation}
    pairs = [
        ("top probability", "gap to the second"),
        ("top probability", "deviation"),
        ("gap to the second", "deviation"),
    ]
    chosen = np.flatnonzero(right)[:: max(1, int(right.sum()) // _POINTS)]
    wrong = np.flatnonzero(~right)

    def plot(figure: Figure, palette: Palette) -> None:
        for axes, (across, up) in zip(figure.subplots(1, 3), pairs, strict=True):
            for rows, colour, marker, words in (
                (chosen, palette.right, "o", f"right ({int(right.sum())})"),
                (wrong, palette.wrong, "x", f"wrong ({len(wrong)})"),
            ):
                axes.scatter(
                    figures[across][rows], figures[up][rows], s=14, c=colour, marker=marker, alpha=0.55, label=words,
                    linewidths=1.0 if marker == "x" else 0.0, rasterized=True,
                )  # fmt: skip
            axes.axvline(lines[across], color=palette.quiet, linewidth=1)
            axes.axhline(lines[up], color=palette.quiet, linewidth=1)
            axes.set_xlim(0, 1.02)
            axes.set_ylim(0, 1.02 if up == "gap to the second" else 0.52)
            axes.set_xlabel(across)
            axes.set_ylabel(up)
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2)

    alt = "Scatter plots of answers. " + " ".join(
        f"Mean {name}: {_mean(of[right])} of right ones, {_mean(of[~right])} of wrong ones."
        for name, of in figures.items()
    )
    return draw("certainty", "How sure it is when it is right, and when it is wrong", alt, (12, 4.4), plot)


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """A picture with what it shows and what was answered."""

    picture: bytes  # encoded; small
    shows: str
    answer: str
    probability: float  # 0..1, of the likeliest class

    @property
    def right(self) -> bool:
        """Whether the answer is what the picture shows."""
        return self.shows == self.answer


def predictions_figure(pictures: Sequence[NamedPicture]) -> Drawing:
    """A grid of pictures with their true and their predicted names."""
    columns = min(6, max(1, len(pictures)))
    lines = max(1, math.ceil(len(pictures) / columns))

    def plot(figure: Figure, palette: Palette) -> None:
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, one in zip(grid.flat, pictures, strict=False):
            axes.imshow(_pixels(one.picture))
            words = f"{_short(one.answer)} {one.probability:.2f}"
            if not one.right:
                words = f"✗ {words}\nshows {_short(one.shows)}"
            axes.set_title(words, fontsize=8, color=palette.text if one.right else palette.wrong)

    wrong = [one for one in pictures if not one.right]
    listed = "; ".join(f"{one.shows} answered as {one.answer}" for one in wrong)
    alt = f"{len(pictures)} pictures with the answers, {len(pictures) - len(wrong)} right" + (
        f"; wrong: {listed}." * bool(wrong)
    )
    return draw("predictions", "Pictures and answers", alt, (2.0 * columns, 0.6 + 2.35 * lines), plot)


def _curves(axes: Axes, of: ThresholdCurves, palette: Palette) -> None:
    named = (("precision", of.precision), ("recall", of.recall), ("F1", of.f1))
    for (words, values), colour, dash in zip(named, palette.lines, DASHES, strict=False):
        axes.plot(of.least, values, color=colour, linestyle=dash, label=words, linewidth=1.6)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)


def _pixels(picture: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB"))


def _short(name: str) -> str:
    """A name as a figure shows it; a dollar sign would begin mathematics."""
    half = _LONGEST // 2
    shown = name if len(name) <= _LONGEST else f"{name[: half - 1]}…{name[-half:]}"
    return shown.replace("$", r"\$")


def _mean(values: npt.NDArray[np.float64]) -> str:
    return f"{values.mean():.3f}" if len(values) else "none"
