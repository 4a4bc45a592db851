"""What an expression is read into: a frozen tree of conditions, and how a tree is written as text again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from storage.errors import QueryError
from storage.search.metatags import FREE_METATAGS, LOCAL_METATAGS

UNBALANCED_TAGS = frozenset((":)", ":(", ";)", ";(", ">:)", ">:("))  # the only ones that the site lets be
SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # what separates terms, for a regex's []
_SPACES = re.compile(f"[{SPACE}]")


@dataclass(frozen=True, slots=True)
class Tag:
    """A post carries this tag."""

    name: str  # lower case


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A post carries some tag that fits; `*` stands for any text."""

    pattern: str  # lower case


@dataclass(frozen=True, slots=True)
class Metatag:
    """A condition on something else than tags; the value is as typed, without quotes."""

    name: str  # one of METATAGS
    value: str
    literal: bool = False  # quoted although it is a word with a meaning of its own: source:"none" is a text

    @property
    def term(self) -> str:
        """As a person would type it."""
        return to_text(self)


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; without parts, everything matches."""

    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; without parts, nothing matches."""

    parts: tuple[Node, ...] = ()


Leaf: TypeAlias = Tag | Wildcard | Metatag
Node: TypeAlias = Tag | Wildcard | Metatag | Not | And | Or
AST: TypeAlias = Node


@dataclass(frozen=True, slots=True)
class Query:
    """An expression: the condition, and how to order and how many."""

    root: Node
    order: str | None = None  # the value of `order:`, lower case
    limit: int | None = None


class Cost(StrEnum):
    """What a term costs at the site."""

    FREE = "free"
    COUNTED = "counted"  # counts against the account's tag limit
    LOCAL = "local"  # ours; the site would take it for a tag that does not exist


def leaves(node: Node) -> Iterator[Leaf]:
    """Every condition in the tree, from left to right."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def with_leaves(node: Node, change: Callable[[Leaf], Node]) -> Node:
    """The same tree over other conditions; one of them may become several."""
    if isinstance(node, Not):
        return Not(with_leaves(node.part, change))
    if isinstance(node, And | Or):
        return type(node)(tuple(with_leaves(part, change) for part in node.parts))
    return change(node)


def conjuncts(node: Node) -> tuple[Node, ...]:
    """The parts that must all hold, nested groups of `and` flattened; each can be sent or evaluated alone."""
    if isinstance(node, And):
        return tuple(inner for part in node.parts for inner in conjuncts(part))
    return (node,)


def cost(leaf: Leaf) -> Cost:
    """Whether one term counts against the account's tag limit."""
    if isinstance(leaf, Metatag):
        if leaf.name in LOCAL_METATAGS:
            return Cost.LOCAL
        return Cost.FREE if leaf.name in FREE_METATAGS else Cost.COUNTED
    return Cost.COUNTED


def counted_terms(query: Query) -> frozenset[str]:
    """The distinct terms that count against the tag limit, as text; negated and or-ed ones count the same."""
    counted = {to_text(leaf) for leaf in leaves(query.root) if cost(leaf) is Cost.COUNTED}
    if query.order:
        counted.add(f"order:{query.order}")
    return frozenset(counted)


def balanced(text: str) -> bool:
    """Whether every bracket closes one that was opened before, and none is left open."""
    opened = 0
    for char in text:
        opened += (char == "(") - (char == ")")
        if opened < 0:
            return False
    return opened == 0


def whole_word(word: str) -> bool:
    """Whether the site leaves the `)` at a word's end to the word, where a group around it might claim them."""
    return balanced(word) or word in UNBALANCED_TAGS


# --- writing ---------------------------------------------------------------------------------------------------------


def to_text(node: Node) -> str:
    """Write a tree so that `parse`, and the site, read the same tree again.

    Raises:
        QueryError: a term cannot be written inside a group: the site would read its last bracket as the group's.
    """
    return _text(node, grouped=False)


def _text(node: Node, *, grouped: bool) -> str:
    if isinstance(node, Tag):
        return node.name
    if isinstance(node, Wildcard):
        return _in_its_place(node.pattern, grouped=grouped)
    if isinstance(node, Metatag):
        return f"{node.name}:{_value(node, grouped=grouped)}"
    if isinstance(node, Not):
        return f"-{_group(node.part) if isinstance(node.part, Not) else _part(node.part, grouped=grouped)}"
    if isinstance(node, And):
        return " ".join(_part(part, grouped=grouped) for part in node.parts)
    return _closed(" or ".join(_part(part, grouped=True) for part in node.parts))


def _part(node: Node, *, grouped: bool) -> str:
    return _group(node) if isinstance(node, And) else _text(node, grouped=grouped)


def _group(node: Node) -> str:
    return _closed(_text(node, grouped=True))


def _closed(inner: str) -> str:
    """In brackets; a last word with a bracket left open keeps its distance, or it would take the group's."""
    last = _SPACES.split(inner)[-1]
    return f"({inner} )" if last.count("(") > last.count(")") else f"({inner})"


def _in_its_place(word: str, *, grouped: bool) -> str:
    if grouped and word.endswith(")") and not whole_word(word):
        raise QueryError(word, "ends with a bracket that the group around it would take; let it stand outside")
    return word


def _value(tag: Metatag, *, grouped: bool) -> str:
    value = tag.value
    plain = bool(value) and not tag.literal and value[0] not in "\"'" and not _SPACES.search(value)
    if plain and not (grouped and value.endswith(")")):
        return value
    if "\\" not in value:
        return '"' + value.replace('"', '\\"') + '"'
    if value[0] in "\"'" or tag.literal or (grouped and value.endswith(")")):
        raise QueryError(f"{tag.name}:{value}", "cannot be written with a backslash in this place")
    return _SPACES.sub(r"\\ ", value)  # the site knows no backslash inside quotes
