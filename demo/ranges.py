"""The site's range language: `5`, `>5`, `..10`, `5..10`, `5...10`, `1,2,3`, `any`, `none`; numbers, dates, sizes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Test = Callable[[float | None], bool]
Convert = Callable[[str], float]

UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "mo": 2_629_746.0, "y": 31_556_952.0}
SIZES = {"": 1.0, "b": 1.0, "k": 1024.0, "kb": 1024.0, "m": 1024.0**2, "mb": 1024.0**2, "g": 1024.0**3, "gb": 1024.0**3}
FUZZ = 0.05  # sizes, ratios and durations match within 5 %


@lru_cache(maxsize=16)
def time_zone(name: str) -> tzinfo:
    """A time zone by name; a fixed UTC-5 where the machine has no time zone data."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return timezone(timedelta(hours=-5))


@lru_cache(maxsize=65_536)
def iso_time(seconds: float, zone: str) -> str:
    """ISO-8601 with milliseconds and the offset of the zone."""
    return datetime.fromtimestamp(seconds, time_zone(zone)).isoformat(timespec="milliseconds")


def parse_range(text: str, convert: Convert, *, fuzz: float = 0.0, span: float = 0.0) -> Test:
    """Turn a range expression into a test of one value.

    Args:
        text: the expression; comma lists are alternatives.
        convert: reads one bound; raises ValueError on nonsense.
        fuzz: relative tolerance of a plain value (0.05 = within 5 %).
        span: width of a plain value (a date means its whole day); also shifts `>` and `<=` past it.
    Raises:
        ValueError: not a range; the caller answers with no results.
    """
    tests = [_parse_one(part.strip(), convert, fuzz, span) for part in text.split(",")]
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def _parse_one(text: str, convert: Convert, fuzz: float, span: float) -> Test:
    if text in ("any", "none"):
        return (lambda value: value is not None) if text == "any" else (lambda value: value is None)
    for sign in (">=", "<=", ">", "<"):
        if text.startswith(sign):
            return _compare(sign, convert(text.removeprefix(sign)), span)
    if ".." in text:
        return _between(text, convert, span)
    wanted = convert(text)
    slack = abs(wanted) * fuzz
    high = wanted + span if span else wanted + slack
    if span:
        return lambda value: value is not None and wanted <= value < high
    return lambda value: value is not None and wanted - slack <= value <= high


def _compare(sign: str, bound: float, span: float) -> Test:
    if sign == ">":
        return lambda value: value is not None and (value >= bound + span if span else value > bound)
    if sign == "<=":
        return lambda value: value is not None and (value < bound + span if span else value <= bound)
    if sign == ">=":
        return lambda value: value is not None and value >= bound
    return lambda value: value is not None and value < bound


def _between(text: str, convert: Convert, span: float) -> Test:
    exclusive = "..." in text
    low_text, _, high_text = text.partition("..." if exclusive else "..")
    if not low_text and not high_text:
        raise ValueError(f"range without bounds: {text!r}")
    low = convert(low_text) if low_text else float("-inf")
    high = (convert(high_text) + (0 if exclusive else span)) if high_text else float("inf")
    if exclusive or (span and high_text):
        return lambda value: value is not None and low <= value < high
    return lambda value: value is not None and min(low, high) <= value <= max(low, high)


def read_int(text: str) -> float:
    """A whole number."""
    return float(int(text))


def read_size(text: str) -> float:
    """A number of bytes: `300`, `300kb`, `1.5m`."""
    match = re.fullmatch(r"([0-9.]+)\s*([a-z]*)", text)
    if match is None or match[2] not in SIZES:
        raise ValueError(f"not a size: {text!r}")
    return float(match[1]) * SIZES[match[2]]


def read_ratio(text: str) -> float:
    """A width:height ratio: `1.5` or `3:2` or `3/2`."""
    width, mark, height = re.sub("/", ":", text).partition(":")
    if mark and float(height) == 0:
        raise ValueError(f"not a ratio: {text!r}")
    return float(width) / float(height) if mark else float(width)


def read_age(text: str) -> float:
    """An age in seconds: `3h`, `2w`, `1mo`."""
    match = re.fullmatch(r"(\d+)\s*(s|min|mi|h|d|w|mo|y)[a-z]*", text)
    if match is None:
        raise ValueError(f"not an age: {text!r}")
    return int(match[1]) * UNITS_S["min" if match[2] == "mi" else match[2]]


def date_reader(zone: str) -> Convert:
    """Read `2024-05-01` (midnight in the zone) or a full ISO time, as seconds since 1970."""

    def read(text: str) -> float:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=time_zone(zone))).timestamp()

    return read
