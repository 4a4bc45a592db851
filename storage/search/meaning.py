"""What each metatag asks, as typed conditions that both evaluators share.

`score:>10` becomes `NumberIn("score", …)`; `match` looks it up on a record, `sql` compiles it. Reading a value happens
only here, so the two cannot disagree about what was asked.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from storage.errors import CannotMatch, QueryError
from storage.records import FILE_EXTENSIONS, Rating
from storage.search.days import age, day, for_the_site
from storage.search.language import MAX_STARS
from storage.search.metatags import COUNTS_OF_ROWS, LOCAL_METATAGS
from storage.search.ranges import (
    Interval,
    Range,
    duration_s,
    integer,
    parse_range,
    ratio,
    real,
    size,
)
from storage.search.tree import Metatag, Node, Tag, leaves

RATING_WORDS = {"general": "g", "sensitive": "s", "questionable": "q", "explicit": "e", "safe": "s"}
STATES = ("pending", "flagged", "deleted", "banned")
AI_PRESENT = 50  # percent; what `ai:tag` means alone


@dataclass(frozen=True, slots=True)
class NumberIn:
    """One of the post's numbers lies in a range."""

    fact: str  # a key of NUMBERS
    range: Range[int] | Range[float]


@dataclass(frozen=True, slots=True)
class CreatedIn:
    """The post was made at such a time, UTC."""

    range: Range[datetime]


@dataclass(frozen=True, slots=True)
class TextIn:
    """One of the post's short texts (rating, ext, md5, pixel_hash) is one of these."""

    fact: str  # rating | ext | md5 | pixel_hash
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class HasState:
    """The site's own state of the post."""

    state: str  # one of STATES, or `hidden`


@dataclass(frozen=True, slots=True)
class HasChildren:
    """The post has children."""


@dataclass(frozen=True, slots=True)
class SourceLike:
    """The source fits a pattern, `*` for any text, ASCII letter case ignored; an empty pattern: there is no source."""

    pattern: str


@dataclass(frozen=True, slots=True)
class AiTagIn:
    """The site's own tagger gave this tag a percentage in the range; `absent`: it was asked and gave it none."""

    name: str
    range: Range[int]
    absent: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds; without any, always."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds; without any, never."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Not one of them holds."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = (
    NumberIn | CreatedIn | TextIn | HasState | HasChildren | SourceLike | AiTagIn | AllOf | AnyOf | NoneOf
)


def meaning(tag: Metatag, now: datetime) -> Condition:
    """What a metatag asks of a post.

    Args:
        tag: one of the site's metatags.
        now: for `age:`; aware.
    Raises:
        CannotMatch: the post's record does not hold what it asks for.
        QueryError: the value cannot be read.
    """
    if tag.name in _RANGES:
        fact, reader = _RANGES[tag.name]
        return NumberIn(fact, reader(tag))
    if tag.name == "age":
        return _age(tag, now)
    if reading := _READINGS.get(tag.name):
        return reading(tag)
    if check := _VALUES_OF_THE_SITE.get(tag.name):
        check(tag)
    raise CannotMatch(tag.term, f"{tag.name}: is known to the site alone and cannot be evaluated here")


def tag_name(tag: Tag) -> str:
    """What a tag is called on posts.

    Raises:
        CannotMatch: it is the site's way to shorten tags, as `/hr`.
    """
    if tag.name[0] == "/":
        raise CannotMatch(tag.name, "is an abbreviation that only the site knows; write the tag itself")
    return tag.name


def refuse_bad_values(node: Node, now: datetime) -> None:
    """Read every value that the site would be asked for; there, a bad one finds nothing and says nothing.

    Raises:
        QueryError: a value cannot be read.
    """
    for leaf in leaves(node):
        if isinstance(leaf, Metatag) and leaf.name not in LOCAL_METATAGS:
            with suppress(CannotMatch):
                meaning(leaf, now)


def as_the_site_reads(tag: Metatag, *, pinned_days: bool = False) -> Metatag:
    """The same condition in words that mean at the site what they mean here.

    Args:
        pinned_days: the account's days begin elsewhere than ours.
    """
    if tag.name == "date":
        return Metatag("date", for_the_site(tag.value, pinned=pinned_days))
    if tag.name in ("filetype", "is"):
        names = [_FILE_TYPES.get(name, name) for name in re.split(r"[, ]+", tag.value.lower())]
        return Metatag(tag.name, ",".join(names))
    return tag


def _reads_integers(tag: Metatag) -> Range[int]:
    return parse_range(tag.term, tag.value, integer)


def _reads_reals(tag: Metatag) -> Range[float]:
    return parse_range(tag.term, tag.value, real)


def _reads_ratios(tag: Metatag) -> Range[int]:
    return parse_range(tag.term, tag.value, ratio)


def _reads_sizes(tag: Metatag) -> Range[int]:
    return parse_range(tag.term, tag.value, size)


def _reads_durations(tag: Metatag) -> Range[float]:
    return parse_range(tag.term, tag.value, duration_s)


_RANGES: Mapping[str, tuple[str, Callable[[Metatag], Range[int] | Range[float]]]] = {
    "id": ("id", _reads_integers),
    "score": ("score", _reads_integers),
    "favcount": ("favcount", _reads_integers),
    "width": ("width", _reads_integers),
    "height": ("height", _reads_integers),
    "mpixels": ("mpixels", _reads_reals),
    "ratio": ("ratio", _reads_ratios),
    "filesize": ("filesize", _reads_sizes),
    "duration": ("duration", _reads_durations),
    "tagcount": ("tagcount", _reads_integers),
    "gentags": ("gentags", _reads_integers),
    "arttags": ("arttags", _reads_integers),
    "copytags": ("copytags", _reads_integers),
    "chartags": ("chartags", _reads_integers),
    "metatags": ("metatags", _reads_integers),
}


def _rating(tag: Metatag) -> Condition:
    letters = frozenset(word[:1] for word in tag.value.lower().split(","))
    if unknown := letters - {rating.value for rating in Rating}:
        raise QueryError(tag.term, f"no rating begins with {min(unknown)!r}; write g, s, q or e")
    return TextIn("rating", letters)


def _age(tag: Metatag, now: datetime) -> Condition:
    if "," in tag.value and not re.search(r"[<>]|\.\.", tag.value):
        raise QueryError(tag.term, "a list of ages finds nothing at the site; write a range, as in age:1d..3d")
    return CreatedIn(parse_range(tag.term, tag.value, age(now), backwards=True))


def _date(tag: Metatag) -> Condition:
    return CreatedIn(parse_range(tag.term, tag.value, day))


_FILE_TYPES = {"ugoira": "zip", "jpeg": "jpg"}  # names of ours -> the site's


def _filetype(tag: Metatag) -> Condition:
    names = frozenset(_FILE_TYPES.get(name, name) for name in re.split(r"[, ]+", tag.value.lower()))
    if unknown := names - FILE_EXTENSIONS:
        raise QueryError(tag.term, f"{min(unknown)!r} is not a file type", _near(min(unknown), sorted(FILE_EXTENSIONS)))
    return TextIn("ext", names)


def _md5(tag: Metatag) -> Condition:
    return TextIn("md5", _hashes(tag))


def _pixel_hash(tag: Metatag) -> Condition:
    return TextIn("pixel_hash", _hashes(tag))


def _hashes(tag: Metatag) -> frozenset[str]:
    values = frozenset(re.split(r"[, ]+", tag.value.lower()))
    for value in values:
        if not re.fullmatch(r"[0-9a-f]{32}", value):
            raise QueryError(tag.term, f"{value!r} is not 32 hex digits")
    return values


_ACTIVE = NoneOf((HasState("pending"), HasState("flagged"), HasState("deleted")))
_STATUS: Mapping[str, Condition] = {
    **{state: HasState(state) for state in STATES},
    "active": _ACTIVE,
    "any": AllOf(),
    "all": AllOf(),
    "modqueue": AnyOf((HasState("pending"), HasState("flagged"))),
    "unmoderated": AnyOf((HasState("pending"), HasState("flagged"))),
}


def _status(tag: Metatag) -> Condition:
    if (word := tag.value.lower()) in _STATUS:
        return _STATUS[word]
    if word == "appealed":
        raise CannotMatch(tag.term, "appeals are known to the site alone")
    raise QueryError(tag.term, "no such status", _near(word, sorted(_STATUS)))


def _is(tag: Metatag) -> Condition:
    word = tag.value.lower()
    if word == "parent":
        return HasChildren()
    if word == "child":
        return NumberIn("parent", Range(any=True))
    if word in ("sfw", "nsfw"):
        return TextIn("rating", frozenset("gs" if word == "sfw" else "qe"))
    if word in _STATUS and word not in ("any", "all"):
        return _STATUS[word]
    if word in RATING_WORDS:
        return TextIn("rating", frozenset(RATING_WORDS[word]))
    if word in FILE_EXTENSIONS or word in ("ugoira", "jpeg"):
        return _filetype(tag)
    if word in ("appealed", "wiki_image"):
        raise CannotMatch(tag.term, "is known to the site alone")
    known = ["parent", "child", "sfw", "nsfw", *_STATUS, *RATING_WORDS, *FILE_EXTENSIONS]
    raise QueryError(tag.term, f"write one of {', '.join(dict.fromkeys(known))}", _near(word, known))


def _parent(tag: Metatag) -> Condition:
    if tag.value.lower() in ("any", "none"):
        return NumberIn("parent", parse_range(tag.term, tag.value, integer))
    _refuse_known_states(tag)
    if not re.fullmatch(r"[0-9]{1,18}", tag.value):
        raise QueryError(tag.term, "not a post id; write a number, any or none", _near(tag.value, _FAMILY_STATES))
    family = _reads_integers(tag)
    return AnyOf((NumberIn("id", family), NumberIn("parent", family)))


def _child(tag: Metatag) -> Condition:
    word = tag.value.lower()
    if word == "any":
        return HasChildren()
    if word == "none":
        return NoneOf((HasChildren(),))
    _refuse_known_states(tag)
    raise QueryError(tag.term, "write any, none or a status", _near(word, ["any", "none", *_FAMILY_STATES]))


def _refuse_known_states(tag: Metatag) -> None:
    if tag.value.lower() in _FAMILY_STATES:
        raise CannotMatch(tag.term, f"the family's state is known to the site alone; {tag.name}:any and none work here")


def _has(tag: Metatag) -> Condition:
    word = tag.value.lower()
    if word in _HAS:
        return _HAS[word]
    if word in _HAS_AT_THE_SITE:
        raise CannotMatch(tag.term, "is known to the site alone")
    known = [*_HAS, *_HAS_AT_THE_SITE]
    raise QueryError(tag.term, f"write one of {', '.join(known)}", _near(word, known))


_FAMILY_STATES = ["pending", "flagged", "appealed", "modqueue", "deleted", "banned", "active", "unmoderated"]
_HAS: Mapping[str, Condition] = {
    "parent": NumberIn("parent", Range(any=True)),
    "child": HasChildren(),
    "children": HasChildren(),
    "source": NoneOf((SourceLike(""),)),
}
_HAS_AT_THE_SITE = ("appeals", "flags", "replacements", "comments", "commentary", "notes", "pools")


def _source(tag: Metatag) -> Condition:
    if not tag.value or (tag.value.lower() == "none" and not tag.literal):
        return SourceLike("")
    if tag.value.lower() == "any" and not tag.literal:
        raise QueryError(tag.term, "the site reads this as a source that begins with 'any'", "has:source")
    if tag.value.count("*") > MAX_STARS:
        raise QueryError(tag.term, f"more than {MAX_STARS} stars in one term")
    return SourceLike(tag.value if "*" in tag.value else f"{tag.value}*")


def _ai(tag: Metatag) -> Condition:
    name, _, wanted = tag.value.lower().partition(",")
    if not name:
        raise QueryError(tag.term, "a tag is missing; write ai:tag or ai:tag,>=80")
    if wanted == "0":
        return AiTagIn(name, Range(), absent=True)
    if not wanted:
        return AiTagIn(name, Range((Interval(AI_PRESENT, None),)))
    return AiTagIn(name, parse_range(tag.term, wanted.rstrip("%"), integer))


_READINGS: Mapping[str, Callable[[Metatag], Condition]] = {
    "rating": _rating,
    "date": _date,
    "filetype": _filetype,
    "md5": _md5,
    "pixelhash": _pixel_hash,
    "status": _status,
    "is": _is,
    "parent": _parent,
    "child": _child,
    "source": _source,
    "ai": _ai,
    "has": _has,
}


def _whole_numbers(tag: Metatag) -> None:
    parse_range(tag.term, tag.value, integer)


def _truth(tag: Metatag) -> None:
    if tag.value.lower() not in ["true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0"]:
        raise QueryError(tag.term, "write true or false")


_VALUES_OF_THE_SITE: Mapping[str, Callable[[Metatag], None]] = {
    **dict.fromkeys((*COUNTS_OF_ROWS, "upvotes", "downvotes", "pixiv", "pixiv_id"), _whole_numbers),
    "embedded": _truth,
}  # metatags of numbers and words that only the site can look up; the others take any text


def _near(word: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)
