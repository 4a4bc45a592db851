"""The site's range language: `5`, `>5`, `..10`, `5..10`, `5...10`, `1,2,3`, `any`, `none`; numbers, dates, sizes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Test = Callable[[float | None], bool]
Convert = Callable[[str], float]
Day = Callable[[float], tuple[float, float]]

UNITS_S = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86_400.0, "week": 604_800.0, "month": 2_629_800.0,
    "year": 31_557_600.0}  # fmt: skip
SHORT = {"": "second", "m": "minute", "hr": "hour", "wk": "week", "yr": "year"}
SIZES = {"": 1.0, "k": 1024.0, "m": 1024.0**2}
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


def parse_range(text: str, convert: Convert, *, fuzz: float = 0.0, day: Day | None = None, ages: bool = False) -> Test:
    """Turn a range expression into a test of one value.

    Args:
        text: the expression; comma lists are alternatives.
        convert: reads one bound; raises ValueError on nonsense.
        fuzz: relative tolerance of a plain value (0.05 = within 5 %); none in a list.
        day: for moments, the beginning and the end of the day around one: what a plain one stands for.
        ages: what is written as an age is converted to a moment, so comparisons turn round.
    Raises:
        ValueError: not a range; the caller answers with no results.
    """
    if text in ("any", "none"):
        return (lambda value: value is not None) if text == "any" else (lambda value: value is None)
    pieces = re.split(r"[, ]+", text)
    if len(pieces) > 1 and not re.search(r"[<>]|\.\.", text):
        wanted = {convert(piece) for piece in pieces}
        return lambda value: value in wanted
    tests = [_parse_one(piece, convert, fuzz, day, ages) for piece in pieces]
    return lambda value: value is not None and any(test(value) for test in tests)


def _parse_one(
    text: str,
    convert: Convert,
    fuzz: float,
    day: Day | None,
    ages: bool,
) -> Callable[[float], bool]:
    if match := re.fullmatch(r"(.+?)(\.\.\.)(.+)|(.+?)\.\.(.+)", text):
        low, high = sorted(convert(bound) for bound in (match[1] or match[4], match[3] or match[5]))
        return (lambda value: low <= value < high) if match[2] else (lambda value: low <= value <= high)
    if match := re.fullmatch(r"(<=|<|>=|>|\.\.)(.+)|(.+)\.\.", text):
        bound = convert(match[2] or match[3])
        sign = {"..": "<=", None: ">="}.get(match[1], match[1])
        return _compare(sign.translate(str.maketrans("<>", "><")) if ages else sign, bound)
    wanted = convert(text)
    begins, ends = day(wanted) if day is not None else (0.0, 0.0)
    if day is not None:
        return lambda value: begins <= value < ends
    slack = abs(wanted) * fuzz
    return lambda value: wanted - slack <= value <= wanted + slack


def _compare(sign: str, bound: float) -> Callable[[float], bool]:
    if sign == ">":
        return lambda value: value > bound
    if sign == "<=":
        return lambda value: value <= bound
    if sign == ">=":
        return lambda value: value >= bound
    return lambda value: value < bound


def read_int(text: str) -> float:
    """A whole number."""
    return float(int(text))


def read_size(text: str) -> float:
    """A number of bytes: `300`, `300kb`, `1.5m`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\d*\.\d+)([km]?)b?", text)
    if match is None:
        raise ValueError(f"not a size: {text!r}")
    return float(int(float(match[1]) * SIZES[match[2]]))


def size_fuzz(text: str) -> float:
    """Only a size in k or m matches within the tolerance."""
    return FUZZ if re.search(r"[km]b?$", text) else 0.0


def read_ratio(text: str) -> float:
    """A width:height ratio, rounded to hundredths: `1.5` or `3:2` or `3/2`."""
    width, mark, height = text.replace("/", ":").partition(":")
    if mark and float(height) == 0:
        raise ValueError(f"not a ratio: {text!r}")
    return hundredths(float(width) / float(height) if mark else float(width))


def hundredths(ratio: float) -> float:
    """Rounded as the site rounds ratios, halves up."""
    return math.floor(ratio * 100 + 0.5 + 1e-9) / 100


def read_duration(text: str) -> float:
    """A length in seconds: `1m30s`, `90`, `1:30`."""
    if match := re.fullmatch(r"(?:(\d{1,2}):)?(\d{1,2}):(\d\d(?:\.\d+)?)", text):
        return int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3])
    return sum(number * UNITS_S[unit] for number, unit in _spans(text))


def _spans(text: str) -> list[tuple[float, str]]:
    """`1w2d` as numbers and units, the larger first."""
    if not re.fullmatch(r"(?:(?:\d*\.)?\d+[a-z]*)+", text):
        raise ValueError(f"not a time span: {text!r}")
    spans = [(float(number), _unit(short)) for number, short in re.findall(r"((?:\d*\.)?\d+)([a-z]*)", text)]
    sizes = [UNITS_S[unit] for _, unit in spans]
    if sizes != sorted(set(sizes), reverse=True):
        raise ValueError(f"the larger unit comes first: {text!r}")
    return spans


def _unit(short: str) -> str:
    meant = [SHORT[short]] if short in SHORT else [unit for unit in UNITS_S if f"{unit}s".startswith(short)]
    if len(meant) != 1:
        raise ValueError(f"not a unit: {short!r}")
    return meant[0]


def age_reader(now: float, zone: str) -> Convert:
    """Read an age, `3h`, `2w`, `1mo`, as the moment that long ago: from days on by local time in the zone."""
    steps = {"day": timedelta(days=1), "week": timedelta(days=7)}
    steps |= {"month": timedelta(days=365.25 / 12), "year": timedelta(days=365.25)}

    def read(text: str) -> float:
        moment = datetime.fromtimestamp(now, time_zone(zone))
        for number, unit in _spans(text):
            if unit in steps:
                moment -= number * steps[unit]
            else:
                moment = datetime.fromtimestamp(moment.timestamp() - number * UNITS_S[unit], time_zone(zone))
        return moment.timestamp()

    return read


def date_reader(zone: str) -> Convert:
    """Read `2024-05-01` (midnight in the zone; also with / or ., or day first) or an ISO time: seconds since 1970."""

    def read(text: str) -> float:
        if match := re.fullmatch(r"(\d{4})([-/.])(\d\d?)\2(\d\d?)", text):
            moment = datetime(int(match[1]), int(match[3]), int(match[4]), tzinfo=time_zone(zone))
        elif match := re.fullmatch(r"(\d\d?)([-/.])(\d\d?)\2(\d{4})", text):
            moment = datetime(int(match[4]), int(match[3]), int(match[1]), tzinfo=time_zone(zone))
        elif re.fullmatch(r"\d{8}|\d{4}-\d\d-\d\dt\d\d:.*", text):
            moment = datetime.fromisoformat(text.upper())
        else:
            raise ValueError(f"not a date: {text!r}")
        return (moment if moment.tzinfo else moment.replace(tzinfo=time_zone(zone))).timestamp()

    return read


def day_around(zone: str) -> Day:
    """The day that holds a moment, by the calendar of the zone."""

    def day(moment: float) -> tuple[float, float]:
        begins = datetime.fromtimestamp(moment, time_zone(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        return begins.timestamp(), (begins + timedelta(days=1)).timestamp()

    return day
