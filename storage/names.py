"""Names from outside: a tag, a target's name, a model's name; checked where they are made and frozen from there on.

What a person types, a package's manifest says or a database row holds becomes one of these before it reaches a path,
a query or a table; a text that cannot be one is refused with the reason. The values are plain texts otherwise, so
they compare, print and travel like any other.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from storage.errors import BadName

LONGEST_TAG = 170  # characters; the site's own rule
LONGEST_TARGET = 100  # characters of a folder's name
COSPLAY = "_(cosplay)"  # `x_(cosplay)`: somebody dressed as x; the site adds x to such posts by itself

_ANYWHERE = "*,"  # the site forbids them anywhere in a tag
_AT_THE_BEGINNING = "-~_`%(){}[]/"  # and these as a tag's first character
_TARGET = re.compile(r"[a-z0-9][a-z0-9_'().!+&~-]{0,99}")
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_MODEL = re.compile(r"(.+)/([0-9]{1,9})")
_QUALIFIERS = re.compile(r"_\(([^()]*(?:\([^()]*\)[^()]*)*)\)$")


class TagName(str):
    """A tag as the site writes it: `mona_(genshin_impact)`.

    Raises:
        BadName: it cannot be a tag; says why.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> TagName:
        """Check a tag that is already written as the site writes it."""
        if type(text) is cls:
            return text
        if problem := wrong_with_tag(text):
            raise BadName(f"{_shown(text)} cannot be a tag: {problem}")
        return super().__new__(cls, text)

    @classmethod
    def typed(cls, text: str) -> TagName:
        """The tag that a person means: compatibility letters, case and blanks as the site writes them.

        Raises:
            BadName: it cannot be a tag; says why.
        """
        return cls(as_the_site_writes(text))


class TargetName(str):
    """What a target is called here; it names folders and rows: `mona`.

    Raises:
        BadName: it cannot name a folder.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> TargetName:
        """Check a name."""
        if type(text) is cls:
            return text
        if not isinstance(text, str) or not can_name_a_folder(text):
            raise BadName(
                f"{_shown(text)} cannot name a target: its name is a folder's; use up to {LONGEST_TARGET} of "
                "a-z 0-9 _ - ( ) '"
            )
        return super().__new__(cls, text)


@dataclass(frozen=True, slots=True, order=True)
class ModelName:
    """How people call a model: `mona/3`."""

    target: TargetName
    number: int  # counts up per target, from 1

    def __post_init__(self) -> None:
        """Refuse what is no name.

        Raises:
            BadName: the target's name or the number cannot be one.
        """
        object.__setattr__(self, "target", TargetName(self.target))
        if type(self.number) is not int or not 0 <= self.number < 10**9:
            raise BadName(f"{self.number!r} is not a model's number; they count up from 1")

    def __str__(self) -> str:
        return f"{self.target}/{self.number}"

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """The name that is written `mona/3`.

        Raises:
            BadName: it is none.
        """
        found = _MODEL.fullmatch(text)
        if found is None:
            raise BadName(f"{_shown(text)} is not a model's name; they look like mona/3")
        return cls(TargetName(found[1]), int(found[2]))


def tag_or_none(text: object) -> TagName | None:
    """A text as a tag, None where it cannot be one: for what packages and folders say of themselves."""
    try:
        return TagName(text) if isinstance(text, str) else None
    except BadName:
        return None


def as_the_site_writes(text: str) -> str:
    """Compatibility forms composed (NFKC), lower case, underscores for blanks; what the site does to a tag first."""
    plain = unicodedata.normalize("NFKC", text).strip()
    return unicodedata.normalize("NFKC", re.sub(r"\s+", "_", plain).lower())


def can_name_a_folder(text: str) -> bool:
    """Whether a text can be a target's name on every file system."""
    return bool(_TARGET.fullmatch(text)) and not text.endswith(".") and not _WINDOWS_DEVICES.fullmatch(text)


def target_name(*wanted: str) -> TargetName:
    """A target's name: the first of these texts that can be one, else one made from the last, the same every time."""
    for text in wanted:
        if can_name_a_folder(text):
            return TargetName(text)
    tag = wanted[-1]
    plain = re.sub(r"\.{2,}", "_", re.sub(r"[^a-z0-9_'().-]", "_", unqualified(tag))).strip("._-'()")
    for text in (plain[:LONGEST_TARGET].rstrip("."), f"tag_{plain.replace('.', '_')}"[:LONGEST_TARGET]):
        if plain and can_name_a_folder(text):
            return TargetName(text)
    return TargetName(f"tag_{_fingerprint(tag)}")  # `:)` and `;)` stay two


def distinct_target_names(tag: str) -> Sequence[TargetName]:
    """Names for a tag's target when its plain one is taken, the most readable first; the last is no other tag's."""
    plain = str(target_name(tag))[: LONGEST_TARGET - 9].rstrip("._-")
    marked = TargetName(plain if plain.endswith(_fingerprint(tag)) else f"{plain}_{_fingerprint(tag)}")
    return (TargetName(tag), marked) if can_name_a_folder(tag) else (marked,)


def unqualified(tag: str) -> str:
    """A tag without the qualifiers at its end: `mona_(genshin_impact)` → `mona`."""
    while match := _QUALIFIERS.search(tag):
        if not match.start():
            break
        tag = tag[: match.start()]
    return tag


def qualifiers(tag: str) -> list[str]:
    """The qualifiers at a tag's end, from left to right."""
    found: list[str] = []
    while (match := _QUALIFIERS.search(tag)) and match.start():
        found.insert(0, match[1])
        tag = tag[: match.start()]
    return found


def wrong_with_tag(text: str) -> str | None:
    """What the site would not take, or None."""
    if not text:
        return "it is empty"
    if len(text) > LONGEST_TAG:
        return f"it has {len(text)} characters, tags have at most {LONGEST_TAG}"
    if text[0] in _AT_THE_BEGINNING:
        return f"no tag begins with {text[0]!r}"
    for letter in text:
        if letter in _ANYWHERE or letter.isspace() or not letter.isprintable():
            return f"{letter!r} never occurs in one"
    if text != as_the_site_writes(text):
        return f"the site writes it {as_the_site_writes(text)!r}"
    return None


def _shown(text: object) -> str:
    """For messages: one line without control characters, however long the text is."""
    return f"{text[:40]!r}…" if isinstance(text, str) and len(text) > LONGEST_TAG else repr(text)[:LONGEST_TAG]


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
