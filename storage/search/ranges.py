"""Range values of the search language: `5`, `>5`, `5..10`, `5...10`, `..5`, `1,2,7..9`, `any`, `none`.

One reading serves both evaluators, so that a post matches locally exactly when the database says so; what it takes and
what it means follows the site's own range parser.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Generic, TypeVar

from storage.errors import QueryError

FUZZ = 0.05  # the site lets floats, durations and sizes with a unit match within 5 %
LARGEST_INTEGER = 2**63 - 1  # what a database column holds
DURATION_UNITS_S = {
    "seconds": 1.0,
    "minutes": 60.0,
    "hours": 3600.0,
    "days": 86_400.0,
    "weeks": 604_800.0,
    "months": 2_629_800.0,  # 365.25 days / 12
    "years": 31_557_600.0,
}  # from small to large
SHORT_UNITS = {"m": "minutes", "hr": "hours", "wk": "weeks", "yr": "years"}  # others by their beginning
SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2}

T = TypeVar("T", int, float, datetime)

_NUMBER = r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})(?:e[+-]?[0-9]{1,2})?"
_PART = re.compile(r"((?:[0-9]{0,9}\.)?[0-9]{1,18})([a-z]*)")
_TIMECODE = re.compile(r"(?:([0-9]{1,2}):)?([0-9]{1,2}):([0-9]{2}(?:\.[0-9]{1,9})?)")


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
    """One value as written: the bound that it makes, and what it stands for alone (`same`)."""

    value: T
    same: Interval[T]


Reader = Callable[[str], Atom[T]]


def parse_range(term: str, value: str, read: Reader[T], *, backwards: bool = False) -> Range[T]:
    """Read a range value.

    Args:
        term: the whole term as typed, for the error message.
        value: the part after the colon.
        read: reads one bound; raises ValueError when it cannot.
        backwards: what is compared runs the other way than what is written, as ages and the moments that they mean.
    Raises:
        QueryError: the value is no range of this kind.
    """
    word = value.lower()
    if word in ("any", "none"):
        return Range(any=word == "any", none=word == "none")
    pieces = re.split(r"[, ]+", word)
    listed = len(pieces) > 1 and not re.search(r"[<>]|\.\.", word)
    intervals = []
    for piece in pieces:
        try:
            intervals.append(_interval(piece, read, backwards=backwards, listed=listed))
        except (ValueError, OverflowError) as error:
            raise QueryError(term, f"{piece!r} is {error}") from None
    return Range(tuple(intervals))


def _interval(piece: str, read: Reader[T], *, backwards: bool, listed: bool) -> Interval[T]:
    if not piece:
        raise ValueError("empty; write a value, or any, or none")
    if piece in ("any", "none"):
        raise ValueError("not allowed in a list; use it on its own")
    if match := re.fullmatch(r"(.+?)\.\.(\.?)(.+)", piece):
        low, high = sorted((read(match[1]).value, read(match[3]).value))
        return Interval(low, high, high_open=bool(match[2]))
    if match := re.fullmatch(r"(<=?|>=?|\.\.)(.+)|(.+)(\.\.)", piece):
        sign = match[1] if match[1] not in (None, "..") else "<=" if match[1] else ">="
        return _compared(sign, read(match[2] or match[3]).value, backwards=backwards)
    atom = read(piece)
    return atom.same if not listed or isinstance(atom.value, datetime) else Interval(atom.value, atom.value)


def _compared(sign: str, value: T, *, backwards: bool) -> Interval[T]:
    open_ = "=" not in sign
    if (sign[0] == "<") is not backwards:
        return Interval(high=value, high_open=open_)
    return Interval(low=value, low_open=open_)


def integer(text: str) -> Atom[int]:
    """A whole number that a database column can hold."""
    if not re.fullmatch(r"[+-]?[0-9]{1,19}(?:_[0-9]{1,3})*", text) or abs(number := int(text)) > LARGEST_INTEGER:
        raise ValueError("not a whole number")
    if re.match(r"[+-]?0[0-9_]", text):
        raise ValueError("written with a leading zero, which the site reads as octal")
    return _exact(number)


def real(text: str) -> Atom[float]:
    """A number; alone it matches within 5 %."""
    return _fuzzy(_number(text))


def exact_real(text: str) -> Atom[float]:
    """A number that means just itself: a probability."""
    return _exact(_number(text))


def ratio(text: str) -> Atom[int]:
    """Width through height in hundredths, rounded as the site does: `1.78`, `16:9` or `16/9`."""
    match = re.fullmatch(rf"({_NUMBER})(?:[:/]([0-9]{{1,18}}))?", text)
    if match is None:
        raise ValueError("not a ratio; write 1.78 or 16:9")
    if match[2] and not int(match[2]):
        raise ValueError("a ratio to zero")
    return _exact(math.floor(Fraction(match[1]) / int(match[2] or 1) * 100 + Fraction(1, 2)))


def duration_s(text: str) -> Atom[float]:
    """A length in seconds: `30`, `1:30`, `1m30s`; alone it matches within 5 %."""
    if ":" not in text:
        return _fuzzy(sum(number * DURATION_UNITS_S[unit] for number, unit in duration_parts(text)))
    match = _TIMECODE.fullmatch(text)
    if match is None or float(match[3]) >= 60 or (match[1] and int(match[2]) >= 60):
        raise ValueError("not a time; write 1:30 or 1:00:30")
    return _fuzzy(int(match[1] or 0) * 3600 + int(match[2]) * 60 + float(match[3]))


def duration_parts(text: str) -> list[tuple[float, str]]:
    """A time span as numbers and units of DURATION_UNITS_S, the largest first: `1w2d`, `1h30m`, `45`.

    Raises: ValueError: it is none.
    """
    if not re.fullmatch(f"(?:{_PART.pattern})+", text):
        raise ValueError("not a time span; write a number and one of s, min, h, d, w, mo, y")
    parts = [(float(number), _unit(short)) for number, short in _PART.findall(text)]
    sizes = [DURATION_UNITS_S[unit] for _, unit in parts]
    if any(one <= other for one, other in itertools.pairwise(sizes)):
        raise ValueError("not a time span; write the larger unit first, as in 1w2d")
    return parts


def _unit(short: str) -> str:
    if short in SHORT_UNITS or not short:
        return SHORT_UNITS.get(short, "seconds")
    meant = [unit for unit in DURATION_UNITS_S if unit.startswith(short)]
    if len(meant) != 1:
        raise ValueError(f"not a time span: there is no unit {short!r}; write s, min, h, d, w, mo or y")
    return meant[0]


def size(text: str) -> Atom[int]:
    """A file size in bytes: `1200`, `500kb`, `2.5m`; with k or m it matches within 5 % alone."""
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})([km]?)b?", text)
    if not match:
        raise ValueError("not a file size; write bytes, or a number and kb or mb")
    number = int(float(match[1]) * SIZE_UNITS[match[2]])
    if not match[2]:
        return _exact(number)
    return Atom(number, Interval(math.ceil(number * (1 - FUZZ)), math.floor(number * (1 + FUZZ))))


def _number(text: str) -> float:
    if not re.fullmatch(_NUMBER, text):
        raise ValueError("not a number")
    return float(text)


def _exact(number: T) -> Atom[T]:
    return Atom(number, Interval(number, number))


def _fuzzy(number: float) -> Atom[float]:
    edges = sorted((number * (1 - FUZZ), number * (1 + FUZZ)))
    return Atom(number, Interval(edges[0], edges[1]))
