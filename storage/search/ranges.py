"""Range values of the search language: `5`, `>5`, `5..10`, `5...10`, `..5`, `1,2,7..9`, `any`, `none`.

One reading serves both evaluators, so that a post matches locally exactly when the database says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from storage.errors import QueryError

FUZZ = 0.05  # the site lets floats, durations and sizes with a unit match within 5 %
LARGEST_INTEGER = 2**63 - 1  # what a database column holds

DURATION_UNITS_S = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
    "mo": 2629746.0, "month": 2629746.0, "months": 2629746.0,
    "y": 31556952.0, "year": 31556952.0, "years": 31556952.0,
}  # fmt: skip
SIZE_UNITS = {"b": 1, "k": 1024, "kb": 1024, "m": 1024**2, "mb": 1024**2, "g": 1024**3, "gb": 1024**3}


T = TypeVar("T", int, float, datetime)


@dataclass(frozen=True, slots=True)
class Interval(Generic[T]):
    """From `low` to `high`; None means no bound on that side."""

    low: T | None = None
    high: T | None = None
    low_open: bool = False
    high_open: bool = False

    def holds(self, value: T) -> bool:
        """Whether `value` lies inside."""
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return self.high is None or value < self.high or (not self.high_open and value == self.high)


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """What a value may be: any of the intervals; `none` also admits (and `any` demands) that there is (a) none."""

    intervals: tuple[Interval[T], ...] = ()
    any: bool = False
    none: bool = False

    def holds(self, value: T | None) -> bool:
        """Whether `value` (None: the post has no such fact) is admitted."""
        if value is None:
            return self.none
        return self.any or any(interval.holds(value) for interval in self.intervals)


@dataclass(frozen=True, slots=True)
class Atom(Generic[T]):
    """One value as written: what it stands for alone (`same`), and its edges when it bounds a range."""

    first: T
    last: T
    last_open: bool
    same: Interval[T]


Reader = Callable[[str], Atom[T]]


def parse_range(term: str, value: str, read: Reader[T]) -> Range[T]:
    """Read a range value.

    Args:
        term: the whole term as typed, for the error message.
        value: the part after the colon.
        read: reads one bound; raises ValueError when it cannot.
    Raises:
        QueryError: the value is no range of this kind.
    """
    intervals: list[Interval[T]] = []
    present = absent = False
    for piece in value.lower().split(","):
        if piece == "any":
            present = True
        elif piece == "none":
            absent = True
        else:
            try:
                intervals.append(_interval(piece, read))
            except (ValueError, OverflowError) as error:
                raise QueryError(term, f"{piece!r} is {error}") from None
    return Range(tuple(intervals), any=present, none=absent)


def _interval(piece: str, read: Reader[T]) -> Interval[T]:
    if not piece:
        raise ValueError("empty; write a value, or any, or none")
    for sign in (">=", "<=", ">", "<", "="):
        if piece.startswith(sign):
            return _compared(sign, read(piece[len(sign) :]))
    if "..." in piece:
        low, high = piece.split("...", 1)
        return _between(low, high, read, without_end=True)
    if ".." in piece:
        low, high = piece.split("..", 1)
        return _between(low, high, read, without_end=False)
    return read(piece).same


def _compared(sign: str, atom: Atom[T]) -> Interval[T]:
    if sign == ">=":
        return Interval(low=atom.first)
    if sign == ">":
        return Interval(low=atom.last, low_open=not atom.last_open)
    if sign == "<":
        return Interval(high=atom.first, high_open=True)
    if sign == "<=":
        return Interval(high=atom.last, high_open=atom.last_open)
    return atom.same


def _between(low: str, high: str, read: Reader[T], *, without_end: bool) -> Interval[T]:
    if not low and not high:
        raise ValueError("a range without an end; write 5.. or ..5")
    first = read(low) if low else None
    last = read(high) if high else None
    if first and last and last.last < first.first:
        first, last = last, first  # the site swaps them too
    if last is not None and without_end:
        return Interval(first.first if first else None, last.first, high_open=True)
    return Interval(
        first.first if first else None, last.last if last else None, high_open=bool(last and last.last_open)
    )


def integer(text: str) -> Atom[int]:
    """A whole number that a database column can hold."""
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or abs(number := int(text)) > LARGEST_INTEGER:
        raise ValueError("no whole number")
    return Atom(number, number, False, Interval(number, number))


def real(text: str) -> Atom[float]:
    """A number; alone it matches within 5 %."""
    return _fuzzy(_number(text))


def exact_real(text: str) -> Atom[float]:
    """A number that means just itself: a probability."""
    number = _number(text)
    return Atom(number, number, False, Interval(number, number))


def ratio(text: str) -> Atom[float]:
    """Width through height: `1.78` or `16:9`."""
    if ":" in text:
        width, height = (_number(part) for part in text.split(":", 1))
        if height == 0:
            raise ValueError("a ratio to zero")
        return _fuzzy(width / height)
    return _fuzzy(_number(text))


def duration_s(text: str) -> Atom[float]:
    """A time span in seconds: `30`, `45s`, `2d`, `1mo`."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([a-z]*)", text)
    if not match or (match[2] and match[2] not in DURATION_UNITS_S):
        raise ValueError("no time span; write a number and one of s, min, h, d, w, mo, y")
    return _fuzzy(float(match[1]) * DURATION_UNITS_S.get(match[2], 1.0))


def size(text: str) -> Atom[int]:
    """A file size in bytes: `1200`, `500kb`, `2.5mb`; with a unit it matches within 5 % alone."""
    match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]+)?)([a-z]*)", text)
    if not match or (match[2] and match[2] not in SIZE_UNITS):
        raise ValueError("no file size; write bytes, or a number and one of kb, mb, gb")
    number = round(float(match[1]) * SIZE_UNITS.get(match[2], 1))
    if number > LARGEST_INTEGER:
        raise ValueError("too large for a file size")
    if not match[2]:
        return Atom(number, number, False, Interval(number, number))
    return Atom(number, number, False, Interval(round(number * (1 - FUZZ)), round(number * (1 + FUZZ))))


def day(text: str) -> Atom[datetime]:
    """A day, month or year in UTC: `2024-05-01`, `2024-05`, `2024`; the whole of it when alone."""
    match = re.fullmatch(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?", text)
    if not match:
        raise ValueError("no date; write 2024-05-01")
    year, month, of_month = int(match[1]), match[2], match[3]
    try:
        first = datetime(year, int(month or 1), int(of_month or 1), tzinfo=UTC)
        if of_month:
            last = first + timedelta(days=1)
        elif month:
            last = (first + timedelta(days=31)).replace(day=1)
        else:
            last = first.replace(year=year + 1)
    except (ValueError, OverflowError):
        raise ValueError("not in the calendar") from None
    return Atom(first, last, True, Interval(first, last, high_open=True))


def before(now: datetime, ages: Range[float]) -> Range[datetime]:
    """Turn ages in seconds into moments: the older, the earlier."""

    def moment(age: float | None) -> datetime | None:
        if age is None:
            return None
        try:
            return now - timedelta(seconds=age)
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)

    intervals = tuple(
        Interval(moment(one.high), moment(one.low), low_open=one.high_open, high_open=one.low_open)
        for one in ages.intervals
    )
    return Range(intervals, any=ages.any, none=ages.none)


def _number(text: str) -> float:
    if not re.fullmatch(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?|-?\.[0-9]{1,18}", text):
        raise ValueError("no number")
    return float(text)


def _fuzzy(number: float) -> Atom[float]:
    edges = sorted((number * (1 - FUZZ), number * (1 + FUZZ)))
    return Atom(number, number, False, Interval(edges[0], edges[1]))
