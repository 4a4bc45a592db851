"""How a report writes figures for people."""

from __future__ import annotations

import math

from classifier.metrics.quality import Estimate

NOT_MEASURED = "not measured"


def figure(value: float) -> str:
    """Three digits; a value that only rounds to 0 or 1 is written as < 0.001 or > 0.999."""
    if not math.isfinite(value):
        return NOT_MEASURED
    if 0 < value < 0.0005:
        return "< 0.001"
    if 0.9995 <= value < 1:
        return "> 0.999"
    return f"{value:.3f}"


def spread(measured: Estimate) -> str:
    """An interval: 0.940 to 0.990."""
    if not (math.isfinite(measured.low) and math.isfinite(measured.high)):
        return "no interval"
    return f"{figure(measured.low)} to {figure(measured.high)}"


def estimate(measured: Estimate) -> str:
    """A figure and its interval: 0.970 (0.940 to 0.990)."""
    if not math.isfinite(measured.value):
        return NOT_MEASURED
    return f"{figure(measured.value)} ({spread(measured)})"


def count(number: int) -> str:
    """1,234."""
    return f"{number:,}"


def pictures(number: int) -> str:
    """1 picture, 1,234 pictures."""
    return f"{count(number)} picture{'' if number == 1 else 's'}"


def share(part: float) -> str:
    """12.3%; a share that only rounds to 0 or 100% is written as < 0.1% or > 99.9%."""
    if not math.isfinite(part):
        return NOT_MEASURED
    if 0 < part < 0.0005:
        return "< 0.1%"
    if 0.9995 <= part < 1:
        return "> 99.9%"
    return f"{part:.1%}"
