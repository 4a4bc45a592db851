"""Evaluate an expression on one post's record, without site or database.

The crawl's terms over the account's tag limit are evaluated here, on the metadata that the listing brings anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

from storage.errors import CannotMatch
from storage.records import Post, TagCategory
from storage.search import meaning as asks
from storage.search.language import LOCAL_METATAGS, And, Leaf, Node, Not, Or, Tag, Wildcard, leaves, to_text

Matcher: TypeAlias = Callable[[Post], bool]

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def matcher(node: Node, now: datetime | None = None) -> Matcher:
    """Prepare a test for posts.

    Args:
        node: the condition.
        now: what `age:` counts from; the present when absent.
    Raises:
        CannotMatch: some term needs the site or our database; it names the term.
        QueryError: a value cannot be read.
    """
    moment = now or datetime.now(UTC)
    if isinstance(node, Not):
        inner = matcher(node.part, moment)
        return lambda post: not inner(post)
    if isinstance(node, And | Or):
        parts = [matcher(part, moment) for part in node.parts]
        if isinstance(node, And):
            return lambda post: all(part(post) for part in parts)
        return lambda post: any(part(post) for part in parts)
    return _leaf(node, moment)


def unmatchable(node: Node) -> tuple[Leaf, ...]:
    """The terms that only the site, or our database, can evaluate, in order.

    Raises:
        QueryError: a value cannot be read by anybody.
    """
    refused = []
    for leaf in leaves(node):
        try:
            _leaf(leaf, datetime.now(UTC))
        except CannotMatch:
            refused.append(leaf)
    return tuple(refused)


def fits(pattern: str, text: str) -> bool:
    """Whether the whole text fits a pattern with `*` for any text; linear, whatever the pattern."""
    first, *rest = re.split(r"\*+", pattern)
    if not rest:
        return text == first
    if not text.startswith(first) or not text.endswith(rest[-1]):
        return False
    at, end = len(first), len(text) - len(rest[-1])
    for part in rest[:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def ascii_lower(text: str) -> str:
    """Fold the case of ASCII letters only, as databases do."""
    return text.translate(_ASCII_LOWER)


def _leaf(leaf: Leaf, now: datetime) -> Matcher:
    if isinstance(leaf, Tag):
        name = asks.tag_name(leaf)
        return lambda post: _carries(post, name)
    if isinstance(leaf, Wildcard):
        pattern = leaf.pattern
        return lambda post: any(fits(pattern, tag) for tag in post.tags.all())
    if leaf.name in LOCAL_METATAGS:
        raise CannotMatch(to_text(leaf), f"{leaf.name}: asks our own database; use it in crawl query")
    return _condition(asks.meaning(leaf, now))


def _carries(post: Post, name: str) -> bool:
    tags = post.tags
    return (
        name in tags.general
        or name in tags.character
        or name in tags.copyright
        or name in tags.artist
        or name in tags.meta
    )


def _condition(condition: asks.Condition) -> Matcher:
    if isinstance(condition, asks.AllOf | asks.AnyOf | asks.NoneOf):
        return _combined(condition)
    if isinstance(condition, asks.NumberIn):
        fact, range_ = NUMBERS[condition.fact], condition.range
        return lambda post: range_.holds(fact(post))  # type: ignore[arg-type]  # the reader chose the range's type by the fact
    if isinstance(condition, asks.CreatedIn):
        created = condition.range
        return lambda post: created.holds(post.created_at)
    if isinstance(condition, asks.TextIn):
        text, values = TEXTS[condition.fact], condition.values
        return lambda post: text(post) in values
    if isinstance(condition, asks.HasState):
        return STATES[condition.state]
    if isinstance(condition, asks.HasChildren):
        return lambda post: post.has_children
    if isinstance(condition, asks.SourceLike):
        pattern = ascii_lower(condition.pattern)
        return lambda post: fits(pattern, ascii_lower(post.source))
    return _ai_tag(condition)


def _combined(condition: asks.AllOf | asks.AnyOf | asks.NoneOf) -> Matcher:
    parts = [_condition(part) for part in condition.parts]
    if isinstance(condition, asks.AllOf):
        return lambda post: all(part(post) for part in parts)
    if isinstance(condition, asks.AnyOf):
        return lambda post: any(part(post) for part in parts)
    return lambda post: not any(part(post) for part in parts)


def _ai_tag(condition: asks.AiTagIn) -> Matcher:
    name, range_, absent = condition.name, condition.range, condition.absent

    def holds(post: Post) -> bool:
        if post.ai_tags is None:
            return False  # the site did not say: evidence for neither
        scores = [tag.score for tag in post.ai_tags if tag.name == name]
        return not scores if absent else any(range_.holds(score) for score in scores)

    return holds


def _ratio(post: Post) -> int | None:
    """Width through height in hundredths, rounded to the nearest, halves up."""
    return (post.width * 200 + post.height) // (2 * post.height) if post.width and post.height else None


NUMBERS: dict[str, Callable[[Post], int | float | None]] = {
    "id": lambda post: post.id,
    "score": lambda post: post.score,
    "favcount": lambda post: post.fav_count,
    "width": lambda post: post.width,
    "height": lambda post: post.height,
    "mpixels": lambda post: post.width * post.height / 1_000_000,
    "ratio": _ratio,
    "filesize": lambda post: post.size,
    "duration": lambda post: post.duration_s,
    "parent": lambda post: post.parent_id,
    "tagcount": lambda post: sum(len(post.tags.of(category)) for category in TagCategory),
    "gentags": lambda post: len(post.tags.general),
    "arttags": lambda post: len(post.tags.artist),
    "copytags": lambda post: len(post.tags.copyright),
    "chartags": lambda post: len(post.tags.character),
    "metatags": lambda post: len(post.tags.meta),
}
TEXTS: dict[str, Callable[[Post], str | None]] = {
    "rating": lambda post: post.rating.value,
    "ext": lambda post: post.ext,
    "md5": lambda post: post.file.md5 if post.file else None,
    "pixel_hash": lambda post: post.pixel_hash,
}
STATES: dict[str, Matcher] = {
    "pending": lambda post: post.is_pending,
    "flagged": lambda post: post.is_flagged,
    "deleted": lambda post: post.is_deleted,
    "banned": lambda post: post.is_banned,
}
