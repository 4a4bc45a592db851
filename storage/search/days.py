"""What `date:` and `age:` mean: moments, and the days around them.

A day begins at midnight US Eastern time, the site's time zone for visitors and for new accounts, summer time included.
As at the site, a date alone is its whole day, and in a range or a comparison it is the moment in which the day begins:
`date:2024-05-01..2024-05-03` ends as the third of May begins. Months and years are ours; `for_the_site` writes them,
and lists of days, as ranges that the site reads the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from storage.search.ranges import Atom, Interval, duration_parts

EASTERN = "America/New_York"
EASTERN_NAMES = frozenset((EASTERN, "Eastern Time (US & Canada)"))  # the second is what the site calls it

_DAY = re.compile(
    r"(?:(?P<year>[0-9]{4})(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})"
    r"|(?P<day2>[0-9]{1,2})(?P<mark2>[-/.])(?P<month2>[0-9]{1,2})(?P=mark2)(?P<year2>[0-9]{4})"
    r"|(?P<year3>[0-9]{4})(?P<month3>[0-9]{2})(?P<day3>[0-9]{2}))"
    r"(?:[t ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(?P<zone>z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_SPAN = re.compile(r"([0-9]{4})(?:[-/]([0-9]{1,2}))?")  # a year, or a month of it


def day(text: str) -> Atom[datetime]:
    """A date, with or without a time: `2024-05-01`, `2024/05/01`, `1.5.2024`, `2024-05-01T10:00`; a month; a year."""
    if _SPAN.fullmatch(text):
        first, after = _span(text)
        return Atom(_midnight(first), Interval(_midnight(first), _midnight(after), high_open=True))
    moment = _moment(text)
    return Atom(moment, _day_of(moment))


def age(now: datetime) -> Callable[[str], Atom[datetime]]:
    """Reads the moment that lies a time span before `now` (aware): `3d`, `1w2d`, `1mo`; alone it is that day."""

    def read(text: str) -> Atom[datetime]:
        moment = now.astimezone(zone())
        try:
            for number, unit in duration_parts(text):
                moment = _before(moment, number, unit)
            moment = moment.astimezone(UTC)
            return Atom(moment, _day_of(moment))
        except OverflowError:  # older than the calendar
            first = datetime.min.replace(tzinfo=UTC)
            return Atom(first, Interval(first, first))

    return read


def for_the_site(value: str, *, pinned: bool = False) -> str:
    """The value of `date:` in words that the site reads as `day` does.

    Args:
        value: a readable one.
        pinned: name every moment with its offset, for an account that lives in another time zone.
    """
    if value.lower() in ("any", "none"):
        return value
    pieces = re.split(r"[, ]+", value.lower())
    alone = [piece for piece in pieces if not re.search(r"[<>]|\.\.", piece)]
    as_it_is = not pinned and (not alone or len(pieces) == 1) and not any(map(_SPAN.fullmatch, _bounds(value)))
    return value if as_it_is else ",".join(_piece(piece, pinned=pinned) for piece in pieces)


def _bounds(value: str) -> list[str]:
    return [bound for bound in re.split(r"[, ]+|[<>]=?|\.\.\.?", value.lower()) if bound]


def _piece(piece: str, *, pinned: bool) -> str:
    if re.search(r"[<>]|\.\.", piece):
        parts = re.split(r"([<>]=?|\.\.\.?)", piece)
        return "".join(
            part if re.match(r"[<>]|\.\.|$", part) else _written(day(part).value, pinned=pinned) for part in parts
        )
    whole = day(piece).same
    if whole.low is None or whole.high is None:
        return piece
    return f"{_written(whole.low, pinned=pinned)}...{_written(whole.high, pinned=pinned)}"


def _written(moment: datetime, *, pinned: bool) -> str:
    local = moment.astimezone(zone())
    if not pinned and local.time() == time.min:
        return local.date().isoformat()
    return local.isoformat(timespec="seconds")


def _span(text: str) -> tuple[date, date]:
    """The first day of a month or year, and the first day after it."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("not a month")
    try:
        first = date(int(match[1]), int(match[2] or 1), 1)
        after = (first + timedelta(days=31)).replace(day=1) if match[2] else first.replace(year=first.year + 1)
    except (ValueError, OverflowError):
        raise ValueError("not in the calendar") from None
    return first, after


def _moment(text: str) -> datetime:
    match = _DAY.fullmatch(text)
    if match is None:
        raise ValueError("not a date; write 2024-05-01, 2024-05 or 2024, or age:<3d for the last three days")
    year, month, of_month = (match[name] or match[f"{name}2"] or match[f"{name}3"] for name in ("year", "month", "day"))
    try:
        on = date(int(year), int(month), int(of_month))
        at = time.fromisoformat(match["time"]) if match["time"] else time.min
        moment = datetime.combine(on, at, zone() if not match["zone"] else None)
        if match["zone"]:
            moment = datetime.fromisoformat(f"{moment.isoformat()}{_offset(match['zone'])}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("not in the calendar") from None


def _offset(text: str) -> str:
    return "+00:00" if text == "z" else text if ":" in text else f"{text[:3]}:{text[3:]}"


def _day_of(moment: datetime) -> Interval[datetime]:
    on = moment.astimezone(zone()).date()
    return Interval(_midnight(on), _midnight(on + timedelta(days=1)), high_open=True)


def _midnight(on: date) -> datetime:
    return datetime.combine(on, time.min, zone()).astimezone(UTC)


def _before(moment: datetime, number: float, unit: str) -> datetime:
    """Days and longer units by the clock on the wall, which summer time moves; shorter ones as they pass."""
    if unit in ("seconds", "minutes", "hours"):
        seconds = number * {"seconds": 1, "minutes": 60, "hours": 3600}[unit]
        return (moment.astimezone(UTC) - timedelta(seconds=seconds)).astimezone(moment.tzinfo)
    return moment - timedelta(days=number * {"days": 1, "weeks": 7, "months": 365.25 / 12, "years": 365.25}[unit])


@cache
def zone() -> tzinfo:
    """US Eastern time; by its rules of today where the machine has no time zone data."""
    try:
        return ZoneInfo(EASTERN)
    except ZoneInfoNotFoundError:
        return _Eastern()


class _Eastern(tzinfo):
    """UTC-5, in summer UTC-4: from the second Sunday in March to the first in November, at two o'clock."""

    def tzname(self, moment: datetime | None) -> str:
        return "EDT" if self.dst(moment) else "EST"

    def utcoffset(self, moment: datetime | None) -> timedelta:
        return timedelta(hours=-5) + self.dst(moment)

    def dst(self, moment: datetime | None) -> timedelta:
        if moment is None:
            return timedelta(0)
        wall = moment.replace(tzinfo=None, fold=0)
        begins, ends = _sunday(wall.year, 3, 8), _sunday(wall.year, 11, 1)
        begins += timedelta(hours=1 if moment.fold == 0 else 0)  # the skipped hour counts as the old time
        in_summer = begins <= wall < ends - timedelta(hours=1)
        repeated = ends - timedelta(hours=1) <= wall < ends
        return timedelta(hours=int(in_summer or (repeated and moment.fold == 0)))

    def fromutc(self, moment: datetime) -> datetime:
        standard = moment.replace(tzinfo=None) - timedelta(hours=5)
        begins, ends = _sunday(standard.year, 3, 8), _sunday(standard.year, 11, 1) - timedelta(hours=1)
        if not begins <= standard < ends:
            again = ends <= standard < ends + timedelta(hours=1)
            return standard.replace(tzinfo=self, fold=int(again))
        return (standard + timedelta(hours=1)).replace(tzinfo=self)


def _sunday(year: int, month: int, first: int) -> datetime:
    """Two o'clock on the first Sunday from this day of the month on."""
    on = datetime(year, month, first, 2)  # noqa: DTZ001 - wall time, on purpose
    return on + timedelta(days=(6 - on.weekday()) % 7)
