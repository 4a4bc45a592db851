"""Captions put together from a template: `{trigger}, {target}, {character}, {copyright}, {count}, {general}`."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from interchange.captions.drop_list import DropList
from interchange.captions.tag_words import Spelling, counts_people
from interchange.errors import BadTemplate
from storage.exports.selection import ExportPost
from storage.records import Target

DEFAULT = "{trigger}, {target}, {character}, {copyright}, {count}, {general}"
FIELDS = ("trigger", "target", "character", "copyright", "artist", "count", "general", "meta", "rating")
RATINGS: Mapping[str, str] = MappingProxyType({"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"})

_FIELD = re.compile(r"\{([^{}]*)\}")
_OF_TAGS = tuple(name for name in FIELDS if name not in ("trigger", "rating"))
_KEPT = "keep"


@dataclass(frozen=True, slots=True)
class CaptionStyle:
    """Everything that captions depend on, besides the post."""

    template: str = DEFAULT
    trigger: str = ""  # one word that stands for the target; "": none
    spelling: Spelling = field(default_factory=Spelling)
    drop: DropList = field(default_factory=DropList)
    shuffled: bool = False  # tags of one field in random order, the same every time
    seed: int = 0
    rating_words: Mapping[str, str] = field(default_factory=lambda: RATINGS)

    def __post_init__(self) -> None:
        """Refuse what cannot be a caption.

        Raises:
            BadTemplate: says which part.
        """
        for name in _FIELD.findall(self.template):
            if name not in FIELDS:
                near = difflib.get_close_matches(name, FIELDS, n=1)
                hint = f"did you mean {{{near[0]}}}?" if near else f"there are {', '.join(FIELDS)}"
                raise BadTemplate(f"the caption's {{{name}}} is not known; {hint}")
        if "{" in (rest := _FIELD.sub("", self.template)) or "}" in rest:
            raise BadTemplate(f"a brace of the caption {self.template!r} has no partner")
        if not _FIELD.search(self.template):
            raise BadTemplate(f"the caption {self.template!r} has no field; all pictures would have the same one")
        if "," in self.trigger or any(not letter.isprintable() for letter in self.template + self.trigger):
            raise BadTemplate("a trigger is one word on one line, without commas, and a caption is one line")

    @property
    def fixed_words(self) -> int:
        """How many words always stand first: what kohya calls `keep_tokens`."""
        first = [part.strip() for part in self.template.split(",")]
        number = 0
        for part in first:
            if part == "{trigger}":
                number += bool(self.trigger)
            elif part == "{target}" or not _FIELD.search(part):
                number += bool(part)
            else:
                break
        return number


@dataclass(frozen=True, slots=True)
class CaptionWords:
    """A post's tags sorted by the field of the template that they stand in, dropped ones left out; as the site writes.

    A tag stands once, in the first field of the template that has it; fields that the template lacks hold what is left,
    for formats that want the tags apart.
    """

    trigger: str = ""
    target: tuple[str, ...] = ()
    character: tuple[str, ...] = ()
    copyright: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    count: tuple[str, ...] = ()
    general: tuple[str, ...] = ()
    meta: tuple[str, ...] = ()
    rating: str = ""  # a word

    def of(self, name: str) -> tuple[str, ...]:
        """The tags of one field."""
        tags: tuple[str, ...] = getattr(self, name)
        return tags


def caption_words(post: ExportPost, style: CaptionStyle, target: Target | None) -> CaptionWords:
    """A post's tags by field.

    Args:
        post: whose.
        style: the order of the fields, what is dropped, and in which order tags stand.
        target: whom the post is exported for; named, and given the trigger word, where the post is kept for it.
    """
    shows = post.decision == _KEPT and target is not None
    carried = {name: style.drop.without(getattr(post.tags, name)) for name in ("artist", "copyright", "character")}
    carried["meta"] = style.drop.without(post.tags.meta)
    general = style.drop.without(post.tags.general)
    carried["count"] = tuple(tag for tag in general if counts_people(tag))
    carried["general"] = general
    carried["target"] = (target.tag,) if shows and target is not None else ()
    placed: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for name in _order(style.template):
        rest = tuple(tag for tag in carried[name] if tag not in taken)
        placed[name] = _shuffled(rest, name, post, style)
        taken.update(rest)
    return CaptionWords(
        trigger=style.trigger if shows else "", rating=style.rating_words.get(post.rating, ""), **placed
    )


def _order(template: str) -> Sequence[str]:
    """The fields of tags, as the template has them; then the others, `count` before `general`."""
    named = [name for name in _FIELD.findall(template) if name in _OF_TAGS]
    return list(dict.fromkeys([*named, *_OF_TAGS]))


def _shuffled(tags: tuple[str, ...], name: str, post: ExportPost, style: CaptionStyle) -> tuple[str, ...]:
    if not style.shuffled or name in ("target", "count"):
        return tags
    mixed = list(tags)
    random.Random(f"{style.seed} {post.site} {post.post_id} {name}").shuffle(mixed)  # noqa: S311 - no secret
    return tuple(mixed)


def caption_of(words: CaptionWords, style: CaptionStyle) -> str:
    """The caption, one line; never empty where the post has any tag, rating or target at all.

    A part of the template between two commas is left out where all of its fields are empty.
    """
    spelled = {name: ", ".join(style.spelling.words(words.of(name))) for name in _OF_TAGS}
    spelled |= {"trigger": words.trigger, "rating": words.rating}
    parts = [_filled(part, spelled) for part in style.template.split(",")]
    caption = ", ".join(part for part in parts if part)
    return caption or next((spelled[name] for name in FIELDS if spelled[name]), "")


def _filled(part: str, spelled: Mapping[str, str]) -> str:
    names = _FIELD.findall(part)
    if names and not any(spelled[name] for name in names):
        return ""
    return " ".join(_FIELD.sub(lambda match: spelled[match[1]], part).split())
