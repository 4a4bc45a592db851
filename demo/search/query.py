"""The site's search language: parse it, count what it costs, find and order the posts.

Written for this gallery alone, so that a client's own reading of the language is tested against another one.
"""

from __future__ import annotations

import fnmatch
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from demo.errors import SearchError, TagLimitError
from demo.galleries.gallery import CATEGORY_NUMBERS, GalleryPost
from demo.search.metatags import COUNTED, FREE, METATAGS, Asker, Predicate, canonical, meta_predicate

ONCE = ("order", "limit", "random", "ordpool", "ordfav", "ordfavgroup")  # settings more than conditions
WILDCARD_TAGS = 100  # a wildcard stands for at most this many tags
NEEDS_FILES = frozenset({"md5", "filesize", "pixelhash", "duration"})


@dataclass(frozen=True, slots=True)
class Term:
    """One tag, wildcard or metatag."""

    name: str  # tag or pattern; for a metatag its name
    value: str | None = None  # None: not a metatag


@dataclass(frozen=True, slots=True)
class Node:
    """A branch of the parsed search: and, or, not; or a leaf."""

    kind: str  # all | any | not | leaf
    parts: tuple[Node, ...] = ()
    term: Term | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was read and accepted; `root` is None when it cannot be parsed and so finds nothing."""

    root: Node | None
    terms: tuple[Term, ...] = ()
    order: str = ""
    limit: int | None = None
    random: int | None = None

    @property
    def needs_files(self) -> bool:
        """Whether it needs facts that only painted pictures have."""
        return any(term.value is not None and term.name in NEEDS_FILES for term in self.terms) or self.order in (
            "filesize",
            "filesize_asc",
            "md5",
            "md5_asc",
            "duration",
            "duration_asc",
        )


class _ParseError(Exception):
    """Not a search; the site answers with no posts."""


FACES = frozenset((":)", ":(", ";)", ";(", ">:)", ">:("))  # the tags that may hold a bracket without its counterpart
DEEPEST = 100  # groups inside each other
_METATAG = re.compile(rf"({'|'.join(sorted(METATAGS, key=len, reverse=True))}):")


class _Reader:
    """The site's grammar, rule by rule; each rule takes its text or fails, and a failed one is taken back.

    either = both "or" either | both;  both = list "and" both | list;  list = factor [list];
    factor = "-" operand | "~" operand | operand;  operand = "(" either ")" | term
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.open = 0  # groups

    def read(self) -> Node:
        self._blanks()
        node = self._either() if self.at < len(self.text) else Node("all")
        self._blanks()
        if self.at < len(self.text):
            raise _ParseError(f"stray {self.text[self.at]!r} at {self.at}")
        return node

    def _take(self, pattern: str) -> str | None:
        match = re.compile(pattern).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def _blanks(self) -> None:
        self._take(r"\s*")

    def _either(self) -> Node:
        parts = [self._both()]
        while self._take(r"or\s+"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Node("any", tuple(parts))

    def _both(self) -> Node:
        parts = [self._list()]
        while self._take(r"and\s+"):
            parts.append(self._list())
        return parts[0] if len(parts) == 1 else Node("all", tuple(parts))

    def _list(self) -> Node:
        factors = [self._factor()]
        while True:
            before = self.at, self.open
            try:
                factors.append(self._factor())
            except _ParseError:
                self.at, self.open = before
                break
        self._blanks()
        parts = [node for tilde, node in factors if not tilde]
        optional = [node for tilde, node in factors if tilde]
        if optional:
            parts.append(optional[0] if len(optional) == 1 else Node("any", tuple(optional)))
        return parts[0] if len(parts) == 1 else Node("all", tuple(parts))

    def _factor(self) -> tuple[bool, Node]:
        self._blanks()
        sign = self._take(r"[-~]")
        node = self._operand()
        return sign == "~", Node("not", (node,)) if sign == "-" else node

    def _operand(self) -> Node:
        self._blanks()
        if not self._take(r"\("):
            return Node("leaf", term=self._term())
        self.open += 1
        if self.open > DEEPEST:
            raise _ParseError("too many groups")
        node = self._either()
        self._blanks()
        if not self._take(r"\)"):
            raise _ParseError("( without )")
        self.open -= 1
        return node

    def _term(self) -> Term:
        match = _METATAG.match(self.text, self.at)
        if match:
            self.at = match.end()
            return Term(canonical(match[1]), self._value())
        word = self._take(r"[^\s)~-]\S*")
        if word is None:
            raise _ParseError("a term is missing")
        word = self._given_back(word, keeps_its_own=True)
        if word in ("and", "or"):
            raise _ParseError(f"{word} is not a tag")
        return Term(word)

    def _value(self) -> str:
        for quote in "\"'":
            if self._take(quote):
                value = self._take(rf"(?:[^{quote}\\]|\\{quote})*") or ""
                if not self._take(quote):
                    raise _ParseError(f"{quote} without {quote}")
                return value.replace("\\" + quote, quote)
        raw = self._given_back(self._take(r"(?:\\\s|\S)*") or "", keeps_its_own=False)
        return re.sub(r"\\\s", " ", raw)

    def _given_back(self, word: str, *, keeps_its_own: bool) -> str:
        """The word without the closing brackets that belong to open groups."""
        for _ in range(self.open):
            if not word.endswith(")") or (keeps_its_own and (_balanced(word) or word in FACES)):
                break
            word = word[:-1]
            self.at -= 1
        return word


def _balanced(word: str) -> bool:
    while (shorter := re.sub(r"\([^()]*\)", "", word)) != word:
        word = shorter
    return "(" not in word and ")" not in word


def parse_search(text: str, tag_limit: int | None) -> Search:
    """Read a search and hold it against the account's tag limit.

    Raises:
        TagLimitError: more than `tag_limit` tags, free metatags not counted.
        SearchError: two different orders, or an order that is negated or optional.
    """
    try:
        root = _Reader(text.strip().lower()).read()
    except _ParseError:
        return Search(None)
    terms = tuple(_leaves(root))
    _check_cost(terms, tag_limit)
    single = {name: _single(root, terms, name) for name in ONCE}
    numbers = {
        name: int(value) if (value := single[name]) and value.isdecimal() else None for name in ("limit", "random")
    }
    return Search(root, terms, single["order"] or "", numbers["limit"], numbers["random"])


def _leaves(node: Node) -> list[Term]:
    if node.term is not None:
        return [node.term]
    return [term for part in node.parts for term in _leaves(part)]


def _check_cost(terms: tuple[Term, ...], tag_limit: int | None) -> None:
    costly = {term for term in terms if term.value is None or term.name not in FREE}
    alone = len(terms) == 1 and terms[0].value is None and "*" not in terms[0].name
    if tag_limit is not None and len(costly) > tag_limit and not alone:
        raise TagLimitError(tag_limit)


def _single(root: Node, terms: tuple[Term, ...], name: str) -> str | None:
    """The value of a metatag that may stand only once, at the top."""
    values = {term.value for term in terms if term.name == name and term.value is not None}
    if len(values) > 1:
        raise SearchError(f"'{name}:' cannot be used more than once")
    if not values:
        return None
    if not any(part.term is not None and part.term.name == name and part.term.value for part in _required(root)):
        raise SearchError(f"'{name}:' cannot be negated or used in an OR clause")
    return values.pop()


def _required(node: Node) -> Iterator[Node]:
    """The conditions that must all hold, nested groups flattened."""
    if node.kind != "all":
        yield node
    for part in node.parts if node.kind == "all" else ():
        yield from _required(part)


def find(search: Search, asker: Asker, seed: int = 0) -> list[int]:
    """Ids of the posts that match, in the search's order."""
    if search.root is None:
        return []
    gallery = asker.gallery
    test = _compile(search.root, asker)
    candidates = _candidates(search.root, asker)
    ids = gallery.ids if candidates is None else sorted(candidates)
    matches = [post_id for post_id in reversed(ids) if test(gallery.posts[post_id])]
    if search.random is not None:
        return random.Random(seed).sample(matches, min(search.random, len(matches), 200))  # noqa: S311 (a shuffle, no secret)
    return _ordered(matches, search, asker, seed)


def tag_names(term: Term, asker: Asker) -> list[str]:
    """The tags that a plain term or wildcard stands for."""
    gallery = asker.gallery
    if "*" not in term.name:
        return [gallery.resolve(term.name)]
    pattern = re.sub(r"([\[\]?])", r"[\1]", term.name)
    matching = [name for name in gallery.tags if fnmatch.fnmatchcase(name, pattern)]
    return sorted(matching, key=lambda name: (-gallery.post_count(name), name))[:WILDCARD_TAGS]


def _candidates(node: Node, asker: Asker) -> set[int] | None:
    """A superset of the matches that is cheap to compute; None = everything."""
    if node.term is not None:
        if node.term.value is not None:
            return None
        return set().union(*(asker.gallery.holders(name) for name in tag_names(node.term, asker)))
    known = [_candidates(part, asker) for part in node.parts]
    if node.kind == "all":
        return min((ids for ids in known if ids is not None), key=len, default=None)
    if node.kind == "any" and all(ids is not None for ids in known):
        return set().union(*(ids for ids in known if ids is not None))
    return None


def _compile(node: Node, asker: Asker) -> Predicate:
    if node.term is not None:
        return _leaf(node.term, asker)
    tests = [_compile(part, asker) for part in node.parts]
    if node.kind == "not":
        only = tests[0]
        return lambda post: not only(post)
    if node.kind == "any":
        return lambda post: any(test(post) for test in tests)
    return lambda post: all(test(post) for test in tests)


def _leaf(term: Term, asker: Asker) -> Predicate:
    if term.value is not None:
        return meta_predicate(term.name, term.value, asker)
    holders = [asker.gallery.holders(name) for name in tag_names(term, asker)]
    if len(holders) == 1:
        only = holders[0]
        return lambda post: post.id in only
    return lambda post: any(post.id in ids for ids in holders)


Key = Callable[[GalleryPost], Any]


def _ordered(ids: list[int], search: Search, asker: Asker, seed: int) -> list[int]:
    """Put ids (given newest first) into the search's order."""
    posts = asker.gallery.posts
    order = search.order
    if any(term.name in ("date", "age") and term.value is not None for term in search.terms):  # for their index's sake
        order = {"": "created_at", "id_desc": "created_at", "id": "created_at_asc", "id_asc": "created_at_asc"}.get(
            order, order
        )
    if order == "custom":
        return _custom(ids, search)
    if order == "random":
        return random.Random(seed).sample(ids, len(ids))  # noqa: S311 (a shuffle, no secret)
    if order in ("id", "id_asc"):
        return ids[::-1]
    ascending = order.endswith("_asc")
    key = order_key(order.removesuffix("_asc").removesuffix("_desc"), asker)
    if key is None:
        return ids
    return sorted(ids, key=lambda post_id: (key(posts[post_id]), post_id), reverse=not ascending)


def _custom(ids: list[int], search: Search) -> list[int]:
    lists = [term.value for term in search.terms if term.name == "id" and term.value]
    if len(lists) != 1 or not re.fullmatch(r"[\d,]+", lists[0]):
        return []
    place = {int(number): index for index, number in enumerate(lists[0].split(",")) if number}
    return sorted(ids, key=lambda post_id: place.get(post_id, len(place)))


def order_key(order: str, asker: Asker) -> Key | None:
    """What one ordering sorts by, largest first; None for an unknown one (id, newest first)."""
    gallery = asker.gallery
    if order in COUNTED:
        number = CATEGORY_NUMBERS[COUNTED[order]]
        return lambda post: len(gallery.by_category(post, number))
    file_keys: dict[str, Key] = {
        "filesize": lambda post: gallery.files[post.picture].size,
        "md5": lambda post: gallery.files[post.picture].md5,
        "duration": lambda post: gallery.files[post.picture].duration or 0,
    }
    return _PLAIN_ORDERS.get(order) or file_keys.get(order)


_PLAIN_ORDERS: dict[str, Key] = {
    "score": lambda post: post.score,
    "upvotes": lambda post: post.up_score,
    "downvotes": lambda post: -post.down_score,
    "favcount": lambda post: post.fav_count,
    "created_at": lambda post: post.created_at,
    "change": lambda post: post.updated_at,
    "rank": lambda post: post.score + post.created_at / 35_000,
    "mpixels": lambda post: post.width * post.height,
    "portrait": lambda post: -post.width / max(1, post.height),
    "landscape": lambda post: post.width / max(1, post.height),
    "tagcount": lambda post: len(post.tags),
}
