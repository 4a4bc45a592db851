"""A figure and its interval as one thin bar, for a table's cell; the cell says the numbers in words."""

from __future__ import annotations

import math

from classifier.evaluation import Estimate

_WIDTH, _HEIGHT, _RIM = 120, 14, 4


def interval_bar(found: Estimate, compared: float = math.nan) -> str:
    """Draw where a figure between 0 and 1 lies; nothing but the scale when it is not finite.

    Args:
        found: the figure.
        compared: another one, marked by a thin line: that of everything together.
    """
    middle = _HEIGHT / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart bar" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">',
        f'<path class="grid" d="M{_RIM} {middle}H{_WIDTH - _RIM}M{_RIM} 3V11M{_WIDTH - _RIM} 3V11"/>',
    ]
    if math.isfinite(compared):
        parts.append(f'<path class="guide" d="M{_at(compared)} 0V{_HEIGHT}"/>')
    if math.isfinite(found.low) and math.isfinite(found.high):
        wide = max(1.0, _at(found.high) - _at(found.low))
        parts.append(f'<rect class="f0 band" x="{_at(found.low)}" y="3" width="{wide:.1f}" height="8"/>')
    if math.isfinite(found.value):
        parts.append(f'<circle class="f0" cx="{_at(found.value)}" cy="{middle}" r="3.5"/>')
    return "".join([*parts, "</svg>"])


def _at(share: float) -> float:
    return round(_RIM + min(1.0, max(0.0, share)) * (_WIDTH - 2 * _RIM), 1)
