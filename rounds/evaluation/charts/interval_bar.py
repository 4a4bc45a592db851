"""A figure and its interval as one thin bar, for a table's cell; the cell has the numbers as text."""

from __future__ import annotations

import math
from collections.abc import Iterable

from classifier.metrics.quality import Estimate

_WIDTH, _HEIGHT, _RIM = 120, 14, 4  # px
_STARTS = (0.0, 0.5, 0.8, 0.9)


def scale_for(figures: Iterable[Estimate]) -> float:
    """Where the bars of these figures may begin, so that their ends can be distinguished: 0, or nearer to 1."""
    lowest = min(
        (end for measured in figures for end in (measured.value, measured.low) if math.isfinite(end)), default=0.0
    )
    return max(start for start in _STARTS if start <= max(0.0, lowest))


def interval_bar(measured: Estimate, compared: float = math.nan, *, start: float = 0.0) -> str:
    """Draw where a figure between `start` and 1 lies; nothing but the scale when it is not finite.

    Args:
        measured: the figure.
        compared: another one, marked by a thin line: that of everything together.
        start: the scale's left end, 0..1; what is less lies there.
    """

    def at(value: float) -> float:
        return round(_RIM + min(1.0, max(0.0, (value - start) / (1 - start))) * (_WIDTH - 2 * _RIM), 1)

    middle = _HEIGHT / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart bar" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">',
        f'<path class="track" d="M{_RIM} {middle}H{_WIDTH - _RIM}M{_RIM} 3V11M{_WIDTH - _RIM} 3V11"/>',
    ]
    if math.isfinite(compared):
        parts.append(f'<path class="guide" d="M{at(compared)} 0V{_HEIGHT}"/>')
    if math.isfinite(measured.low) and math.isfinite(measured.high):
        wide = max(1.0, at(measured.high) - at(measured.low))
        parts.append(f'<rect class="f0 band" x="{at(measured.low)}" y="3" width="{wide:.1f}" height="8"/>')
    if math.isfinite(measured.value):
        parts.append(f'<circle class="f0" cx="{at(measured.value)}" cy="{middle}" r="3.5"/>')
    return "".join([*parts, "</svg>"])
