"""Charts as SVG text: no library, no script, light and dark, readable without colours, numbers in tooltips.

A chart is a plane (two axes on a sheet) and marks on it. Marks leave out what is not finite and break lines there, so
that a figure that could not be measured shows as a gap, not as a zero. A chart is a file of its own (`alone`),
or is one of many in a page that carries `STYLE` once.
"""

from rounds.evaluation.charts.axes import Axis, fitted_axis, signed_counts_axis, spaced_axis, unit_axis
from rounds.evaluation.charts.interval_bar import interval_bar, scale_for
from rounds.evaluation.charts.lines import Axes, line_chart
from rounds.evaluation.charts.marks import Band, Bars, Captions, Cross, EndNames, Hover, Legend, Line, Note, Upright
from rounds.evaluation.charts.sheet import STYLE, Mark, Plane, Sheet, Words, draw

__all__ = [
    "STYLE",
    "Axes",
    "Axis",
    "Band",
    "Bars",
    "Captions",
    "Cross",
    "EndNames",
    "Hover",
    "Legend",
    "Line",
    "Mark",
    "Note",
    "Plane",
    "Sheet",
    "Upright",
    "Words",
    "draw",
    "fitted_axis",
    "interval_bar",
    "line_chart",
    "scale_for",
    "signed_counts_axis",
    "spaced_axis",
    "unit_axis",
]
