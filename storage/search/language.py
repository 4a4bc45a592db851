"""The site's search language: text in, a frozen tree out, by the rules of the site's own parser.

Terms stand side by side (and), `-x` is not, `~a ~b` is or, the words `or` and `and` and brackets group. A bracket at a
word's end belongs to the word where the word is balanced with it, or is one of six faces like `;)`; otherwise it closes
the group around the word. A word with a colon is a metatag only where its name is one. What the site cannot read finds
nothing there; here it is refused, with what is wrong. `order:` and `limit:` are not conditions; they are taken out of
the tree. Knows neither posts nor a database; `storage.search.match` and `storage.search.sql` give the tree its meaning.
"""

from __future__ import annotations

import re
import unicodedata

from storage.errors import QueryError
from storage.names import as_the_site_writes, wrong_with_tag
from storage.search.metatags import (
    COUNTED_METATAGS,
    FREE_METATAGS,
    LOCAL_METATAGS,
    METATAGS,
    ORDERING_METATAGS,
    SYNONYMS,
)
from storage.search.tree import (
    AST,
    SPACE,
    UNBALANCED_TAGS,
    And,
    Cost,
    Leaf,
    Metatag,
    Node,
    Not,
    Or,
    Query,
    Tag,
    Wildcard,
    balanced,
    conjuncts,
    cost,
    counted_terms,
    leaves,
    to_text,
    whole_word,
)

__all__ = [
    "AST",
    "COUNTED_METATAGS",
    "FREE_METATAGS",
    "LOCAL_METATAGS",
    "METATAGS",
    "ORDERING_METATAGS",
    "And",
    "Cost",
    "Leaf",
    "Metatag",
    "Node",
    "Not",
    "Or",
    "Query",
    "Tag",
    "Wildcard",
    "conjuncts",
    "cost",
    "counted_terms",
    "leaves",
    "parse",
    "to_text",
]

MAX_DEPTH = 40  # nested groups; more is no question a person asks
MAX_STARS = 10  # in one term; each may cost a database a pass over the text
MAX_LENGTH = 20_000  # characters
RESERVED = frozenset(("not", "new", "search"))  # no tags either
WORDS_WITH_MEANING = frozenset(("none", "any", "true", "false", "translated", "untranslated"))  # unless quoted

_METATAG = re.compile(r"([a-z_0-9]+):", re.IGNORECASE)
_BLANKS = re.compile(f"[{SPACE}]*")
_WORD = re.compile(f"[^{SPACE}]+")
_BARE_VALUE = re.compile(rf"(?:\\[{SPACE}]|[^{SPACE}])*")
_ESCAPED_SPACE = re.compile(rf"\\[{SPACE}]")
_QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\")*)"'), "'": re.compile(r"'((?:[^'\\]|\\')*)'")}


def parse(text: str) -> Query:
    """Read an expression.

    Raises:
        QueryError: a group is not closed, a sign stands alone, `order:` is negated or inside an `or`, a word cannot be
            a tag, …
    """
    if len(text) > MAX_LENGTH:
        raise QueryError(text[:40] + "…", f"the expression is longer than {MAX_LENGTH} characters")
    if odd := re.search("[\0\ud800-\udfff]", text):
        raise QueryError(text[max(0, odd.start() - 20) : odd.end() + 20], f"no text of a gallery holds {odd[0]!r}")
    parser = _Parser(text)
    root = parser.alternatives()
    if parser.at < len(parser.text):
        raise QueryError(parser.text[parser.at :], "a ) that closes nothing")
    return _without_settings(root)


class _Parser:
    """Recursive descent over the text; `at` is the next character, `depth` the number of open groups."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def alternatives(self) -> Node:
        """Terms joined by the word `or`; ends at the end of the text or at a `)`."""
        parts = [self._conjunction()]
        while self._operator("or"):
            parts.append(self._conjunction())
        if len(parts) == 1:
            return parts[0]
        if And() in parts:
            raise QueryError("or", "a term is missing on one side")
        return Or(tuple(parts))

    def _conjunction(self) -> Node:
        """Lists of terms joined by the word `and`, which parts the `~` on its left from those on its right."""
        parts = [self._list()]
        while self._operator("and"):
            parts.append(self._list())
        if len(parts) > 1 and And() in parts:
            raise QueryError("and", "a term is missing on one side")
        joined = tuple(inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,)))
        return joined[0] if len(joined) == 1 else And(joined)

    def _list(self) -> Node:
        """Terms side by side."""
        required: list[Node] = []
        optional: list[Node] = []
        while self._more() and not self._at_operator("or", "and"):
            sign = self.text[self.at] if self.text[self.at] in "-~" else ""
            self.at += len(sign)
            term = self._operand(sign)
            (optional if sign == "~" else required).append(Not(term) if sign == "-" else term)
        if optional:
            required.append(optional[0] if len(optional) == 1 else Or(tuple(optional)))
        return required[0] if len(required) == 1 else And(tuple(required))

    def _operand(self, sign: str) -> Node:
        self._skip_blanks()
        char = self.text[self.at : self.at + 1]
        if sign and char in ("", ")"):
            raise QueryError(sign, "the sign stands alone; write it before a tag")
        if sign and char in "-~":
            raise QueryError(sign + char, "two signs in a row; write one, or put brackets between them")
        return self._group() if char == "(" else self._term()

    def _group(self) -> Node:
        start = self.at
        if self.depth >= MAX_DEPTH:
            raise QueryError("(", f"more than {MAX_DEPTH} groups inside each other")
        self.at += 1
        self.depth += 1
        inner = self.alternatives()
        if self.at >= len(self.text):
            face = "; between a face like :( and the ) of a group put a space" if ":()" in self.text[start:] else ""
            raise QueryError(self.text[start:], f"a ( that is never closed{face}")
        self.at += 1
        self.depth -= 1
        if inner == And():
            raise QueryError("()", "an empty group")
        return inner

    def _term(self) -> Leaf:
        match = _METATAG.match(self.text, self.at)
        if match and match[1].lower() in METATAGS:
            return self._metatag(match)
        start = self.at
        word = self._word()
        normal = unicodedata.normalize("NFKC", word)
        if normal != word:  # read it again as the site writes it: a full-width colon makes a metatag too
            self.text = self.text[:start] + normal + self.text[self.at :]
            self.at = start
            return self._term()
        word = as_the_site_writes(word)
        return _wildcard(word) if "*" in word else _tag(word)

    def _metatag(self, match: re.Match[str]) -> Metatag:
        self.at = match.end()
        name = match[1].lower()
        quoted = self.text[self.at : self.at + 1] in _QUOTED
        value = self._quoted_value() if quoted else self._bare_value()
        if not value and name != "source":
            raise QueryError(match[0], "a value is missing")
        return Metatag(SYNONYMS.get(name, name), value, quoted and value.lower() in WORDS_WITH_MEANING)

    def _quoted_value(self) -> str:
        quote = self.text[self.at]
        match = _QUOTED[quote].match(self.text, self.at)
        if match is None:
            closes = self.text.find(quote, self.at + 1) > 0
            wrong = (
                f"inside {quote} a backslash may only stand before {quote}" if closes else f"{quote} is never closed"
            )
            raise QueryError(self.text[self.at :], wrong)
        self.at = match.end()
        return match[1].replace("\\" + quote, quote)

    def _bare_value(self) -> str:
        """Up to white space; brackets at its end close the groups around it."""
        match = _BARE_VALUE.match(self.text, self.at)
        raw = match[0] if match else ""
        closing = min(self.depth, len(raw) - len(raw.rstrip(")")))
        raw = raw[: len(raw) - closing]
        self.at += len(raw)
        return _ESCAPED_SPACE.sub(" ", raw)

    def _word(self) -> str:
        """Up to white space; a bracket at its end that the word itself did not open closes the group around it."""
        match = _WORD.match(self.text, self.at)
        word = match[0] if match else ""
        for _ in range(self.depth):
            if not word.endswith(")") or whole_word(word):
                break
            word = word[:-1]
        self.at += len(word)
        return word

    def _skip_blanks(self) -> None:
        if match := _BLANKS.match(self.text, self.at):
            self.at = match.end()

    def _more(self) -> bool:
        self._skip_blanks()
        return self.at < len(self.text) and not (self.text[self.at] == ")" and self._closes())

    def _closes(self) -> bool:
        if self.depth == 0:
            raise QueryError(self.text[self.at :], "a ) that closes nothing")
        return True

    def _at_operator(self, *words: str) -> bool:
        """Whether a word like `or` stands here alone; `or(a)` is a tag at the site, and no operator."""
        match = _WORD.match(self.text, self.at)
        return match is not None and match[0].rstrip(")" if self.depth else "").lower() in words

    def _operator(self, word: str) -> bool:
        if not self._at_operator(word):
            return False
        self.at += len(word)
        return True


def _tag(word: str) -> Tag:
    """A word as a tag; what the site lets no tag be is refused, for it can find nothing."""
    if not balanced(word) and word not in UNBALANCED_TAGS:
        closing = word.count(")") > word.count("(")
        raise QueryError(word, "a ) that closes nothing" if closing else "a ( that is never closed")
    if word in ("or", "and"):
        raise QueryError(word, "a term is missing on one side")
    if word in RESERVED:
        raise QueryError(
            word, "no tag has this name; to exclude hat, write -hat" if word == "not" else "no tag has this name"
        )
    if "," in word:
        raise QueryError(word, "no tag has a comma in it; put spaces between terms")
    if word[0] != "/" and (problem := wrong_with_tag(word)):  # `/hr` is the site's way to shorten tags
        raise QueryError(word, problem)
    return Tag(word)


def _wildcard(word: str) -> Wildcard:
    if word.count("*") > MAX_STARS:
        raise QueryError(word, f"more than {MAX_STARS} stars in one term")
    return Wildcard(word)


def _without_settings(root: Node) -> Query:
    """Take `order:` and `limit:` out of the top level."""
    kept: list[Node] = []
    order: str | None = None
    limit: int | None = None
    for part in conjuncts(root):
        if isinstance(part, Metatag) and part.name == "order":
            if order not in (None, part.value.lower()):
                raise QueryError(part.term, "a second ordering; give one")
            order = part.value.lower()
        elif isinstance(part, Metatag) and part.name == "limit":
            limit = _limit(part, limit)
        else:
            _refuse_settings_inside(part)
            kept.append(part)
    return Query(kept[0] if len(kept) == 1 else And(tuple(kept)), order, limit)


def _limit(part: Metatag, known: int | None) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", part.value):
        raise QueryError(part.term, "not a whole number of posts")
    if known not in (None, int(part.value)):
        raise QueryError(part.term, "a second limit; give one")
    return int(part.value)


def _refuse_settings_inside(node: Node) -> None:
    for leaf in leaves(node):
        if isinstance(leaf, Metatag) and leaf.name in ("order", "limit"):
            raise QueryError(leaf.term, "cannot be negated or stand inside an or")
