"""How an evaluation's figures are written for people, and for programs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from classifier.evaluation import Estimate

NOT_MEASURED = "not measured"


def figure(value: float) -> str:
    """Three digits; what is not quite 0 or 1 never reads as if it were."""
    if not math.isfinite(value):
        return NOT_MEASURED
    if 0 < value < 0.0005:
        return "< 0.001"
    if 0.9995 <= value < 1:
        return "> 0.999"
    return f"{value:.3f}"


def spread(found: Estimate) -> str:
    """An interval: 0.940 to 0.990."""
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return "no interval"
    return f"{figure(found.low)} to {figure(found.high)}"


def estimate(found: Estimate) -> str:
    """A figure and its interval: 0.970 (0.940 to 0.990)."""
    if not math.isfinite(found.value):
        return NOT_MEASURED
    return f"{figure(found.value)} ({spread(found)})"


def count(number: int) -> str:
    """1,234."""
    return f"{number:,}"


def share(part: float) -> str:
    """12.3%; what is not quite nothing or everything never reads as if it were."""
    if not math.isfinite(part):
        return NOT_MEASURED
    if 0 < part < 0.0005:
        return "< 0.1%"
    if 0.9995 <= part < 1:
        return "> 99.9%"
    return f"{part:.1%}"


def plain(value: Any) -> Any:
    """The same for JSON: records as objects, NaN and infinity as null, pictures left out."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name)) for name in names if not isinstance(getattr(value, name), bytes)}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    number = float(value)  # numpy's too
    return number if math.isfinite(number) else None
