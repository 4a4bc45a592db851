"""The site's search language: text in, a frozen tree out.

Terms stand side by side (and), `-x` is not, `~a ~b` is or, the words `or` and `and` and parentheses group. Tag names
may contain balanced parentheses. `order:` and `limit:` are not conditions; they are taken out of the tree.
Knows neither posts nor a database; `storage.search.match` and `storage.search.sql` give the tree its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from storage.errors import QueryError

FREE_METATAGS = frozenset((
    "status", "rating", "limit", "is", "id", "date", "age", "filesize", "filetype", "parent", "child", "md5",
    "width", "height", "duration", "mpixels", "ratio", "score", "upvote", "downvotes", "favcount", "embedded",
    "tagcount", "pixiv_id", "pixiv",
))  # fmt: skip
COUNTED_METATAGS = frozenset((
    "order", "random", "source", "has", "user", "approver", "pool", "ordpool", "fav", "ordfav", "favgroup",
    "ordfavgroup", "search", "commentary", "note", "noter", "noteupdater", "comment", "commenter", "ai",
    "exif", "pixelhash", "unaliased", "disapproved", "reacted", "upvotes", "downvote", "upvoter", "downvoter",
    "gentags", "arttags", "copytags", "chartags", "metatags", "appealer", "flagger", "artcomm",
    "commentaryupdater", "comment_count", "deleted_comment_count", "active_comment_count", "note_count",
    "active_note_count", "flag_count", "child_count",
))  # fmt: skip
ORDERING_METATAGS = frozenset(("order", "ordpool", "ordfav", "ordfavgroup", "random", "limit"))  # more than conditions
LOCAL_METATAGS = frozenset(("decision", "label", "p", "model", "target", "place", "round", "error"))
METATAGS = FREE_METATAGS | COUNTED_METATAGS | LOCAL_METATAGS

_METATAG = re.compile(r"([a-z_0-9]+):", re.IGNORECASE)
_QUOTES = "\"'"
MAX_DEPTH = 40  # nested groups; more is no question a person asks
MAX_STARS = 10  # in one term; each may cost a database a pass over the text
MAX_LENGTH = 20_000  # characters


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


def parse(text: str) -> Query:
    """Read an expression.

    Raises:
        QueryError: a group is not closed, a sign stands alone, `order:` is negated or inside an `or`, …
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(text[:40] + "…", f"the expression is longer than {MAX_LENGTH} characters")
    parser = _Parser(text)
    root = parser.alternatives(depth=0)
    if parser.at < len(text):
        raise QueryError(text[parser.at :], "a ) that closes nothing")
    return _without_settings(root)


def leaves(node: Node) -> Iterator[Leaf]:
    """Every condition in the tree, from left to right."""
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


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


def conjuncts(node: Node) -> tuple[Node, ...]:
    """The parts that must all hold, nested groups of `and` flattened; each can be sent or evaluated alone."""
    if isinstance(node, And):
        return tuple(inner for part in node.parts for inner in conjuncts(part))
    return (node,)


def to_text(node: Node) -> str:
    """Write a tree so that `parse` reads the same tree again."""
    if isinstance(node, Tag):
        return node.name
    if isinstance(node, Wildcard):
        return node.pattern
    if isinstance(node, Metatag):
        return f"{node.name}:{_quoted(node.value)}"
    if isinstance(node, Not):
        return f"-{_grouped(node.part)}"
    if isinstance(node, And):
        return " ".join(_grouped(part) for part in node.parts)
    return "(" + " or ".join(_grouped(part) for part in node.parts) + ")"


def _grouped(node: Node) -> str:
    return f"({to_text(node)})" if isinstance(node, And) else to_text(node)


def _quoted(value: str) -> str:
    if value and not re.search(r"[\s\"'\\()]", value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Parser:
    """Recursive descent over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def alternatives(self, depth: int) -> Node:
        """Terms joined by the word `or`; ends at the end of the text or at a `)`."""
        if depth > MAX_DEPTH:
            raise QueryError("(", f"more than {MAX_DEPTH} groups inside each other")
        parts = [self._sequence(depth)]
        while self._word("or"):
            parts.append(self._sequence(depth))
        if len(parts) == 1:
            return parts[0]
        if And() in parts:
            raise QueryError("or", "a side is missing")
        return Or(tuple(parts))

    def _sequence(self, depth: int) -> Node:
        required: list[Node] = []
        optional: list[Node] = []
        while self._more(depth) and not self._peek_word("or"):
            if self._word("and"):
                continue
            if self.text[self.at] == "~":
                self.at += 1
                optional.append(self._factor("~", depth))
            else:
                required.append(self._factor("", depth))
        if optional:
            required.append(optional[0] if len(optional) == 1 else Or(tuple(optional)))
        return required[0] if len(required) == 1 else And(tuple(required))

    def _factor(self, sign: str, depth: int) -> Node:
        if sign and (self.at >= len(self.text) or self.text[self.at].isspace() or self.text[self.at] == ")"):
            raise QueryError(sign, "nothing follows the sign; put the tag right behind it")
        if self.text[self.at] == "-":
            return self._negation(depth)
        if self.text[self.at] == "(":
            return self._group(depth)
        if self.text[self.at] == ")":
            raise QueryError(self.text[self.at :], "a ) that closes nothing")
        return self._term(depth)

    def _negation(self, depth: int) -> Node:
        signs = len(self.text[self.at :]) - len(self.text[self.at :].lstrip("-"))
        if signs > 2:
            raise QueryError("-" * signs, "too many signs; write one")
        self.at += signs
        inner = self._factor("-", depth)
        return Not(inner) if signs == 1 else Not(Not(inner))

    def _group(self, depth: int) -> Node:
        start = self.at
        self.at += 1
        inner = self.alternatives(depth + 1)
        if self.at >= len(self.text):
            raise QueryError(self.text[start:], "a ( that is never closed")
        self.at += 1
        if inner == And():
            raise QueryError("()", "an empty group")
        return inner

    def _term(self, depth: int) -> Leaf:
        match = _METATAG.match(self.text, self.at)
        if match and match[1].lower() in METATAGS:
            self.at = match.end()
            name = match[1].lower()
            value = self._value(depth)
            if not value and name != "source":
                raise QueryError(match[0], "a value is missing")
            return Metatag(name, value)
        word = self._bare(depth).lower()
        if depth == 0 and word[0].isalnum() and word.count(")") > word.count("("):
            raise QueryError(word, "a ) that closes nothing")  # but :) is a tag
        if word.count("*") > MAX_STARS:
            raise QueryError(word, f"more than {MAX_STARS} stars in one term")
        return Wildcard(word) if "*" in word else Tag(word)

    def _value(self, depth: int) -> str:
        if self.at < len(self.text) and self.text[self.at] in _QUOTES:
            return self._quoted_value(self.text[self.at])
        return self._bare(depth)

    def _quoted_value(self, quote: str) -> str:
        start = self.at
        self.at += 1
        taken: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\" and self.at + 1 < len(self.text):
                taken.append(self.text[self.at + 1])
                self.at += 2
                continue
            self.at += 1
            if char == quote:
                return "".join(taken)
            taken.append(char)
        raise QueryError(self.text[start:], f"a {quote} that is never closed")

    def _bare(self, depth: int) -> str:
        """Text up to the next space; a `)` that the term itself did not open belongs to the group around it."""
        taken: list[str] = []
        opened = 0
        while self.at < len(self.text) and not (char := self.text[self.at]).isspace():
            if char == "\\" and self.text[self.at + 1 : self.at + 2].isspace():
                self.at += 1
                char = self.text[self.at]
            elif char == "(":
                opened += 1
            elif char == ")":
                if depth > 0 and opened == 0 and taken:
                    break
                opened = max(0, opened - 1)
            taken.append(char)
            self.at += 1
        return "".join(taken)

    def _more(self, depth: int) -> bool:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text) and not (self.text[self.at] == ")" and depth > 0)

    def _peek_word(self, word: str) -> bool:
        end = self.at + len(word)
        follows = self.text[end : end + 1]
        return self.text[self.at : end].lower() == word and (not follows or follows.isspace() or follows in "()")

    def _word(self, word: str) -> bool:
        if not self._peek_word(word):
            return False
        self.at += len(word)
        return True


def _without_settings(root: Node) -> Query:
    """Take `order:` and `limit:` out of the top level."""
    kept: list[Node] = []
    order: str | None = None
    limit: int | None = None
    for part in conjuncts(root):
        if isinstance(part, Metatag) and part.name == "order":
            if order is not None:
                raise QueryError(part.term, "a second ordering; give one")
            order = part.value.lower()
        elif isinstance(part, Metatag) and part.name == "limit":
            limit = _limit(part)
        else:
            _refuse_settings_inside(part)
            kept.append(part)
    return Query(kept[0] if len(kept) == 1 else And(tuple(kept)), order, limit)


def _limit(part: Metatag) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", part.value):
        raise QueryError(part.term, "no whole number of posts")
    return int(part.value)


def _refuse_settings_inside(node: Node) -> None:
    for leaf in leaves(node):
        if isinstance(leaf, Metatag) and leaf.name in ("order", "limit"):
            raise QueryError(leaf.term, "cannot be negated or stand inside an or")
