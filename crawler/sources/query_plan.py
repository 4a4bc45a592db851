"""Split a search between the site and us: the site allows an account only so many terms at a time.

Terms that cost nothing always go to the site. Of the others, those that only the site can evaluate come first, then
the rarest tag, for it decides how many pages there are; what does not fit is evaluated here, on each post's own data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from crawler.errors import TagLimit, UsageError
from storage.records import Rating
from storage.search.language import (
    AST,
    ORDERING_METATAGS,
    And,
    Cost,
    Leaf,
    Metatag,
    Node,
    Query,
    Tag,
    conjuncts,
    cost,
    leaves,
    parse,
    to_text,
)
from storage.search.match import unmatchable
from storage.search.meaning import as_the_site_reads, refuse_bad_values
from storage.search.tree import with_leaves


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """Who evaluates which part of a search."""

    server: str  # what the site is asked, in its language
    local: AST | None  # what is evaluated here; None: nothing
    lines: tuple[str, ...]  # what was planned, for people; empty when there was nothing to plan


def plan(
    tags: Sequence[str],
    terms: Query,
    *,
    tag_limit: int | None,
    counts: Mapping[str, int] = MappingProxyType({}),
    pinned_days: bool = False,
) -> QueryPlan:
    """Plan a search.

    Args:
        tags: resolved tags that a post must all carry.
        terms: what they must fit besides, by `crawl_terms`.
        tag_limit: terms that this account may search for at once; None: any number.
        counts: posts by tag where known; the first tag counts as the rarest otherwise.
        pinned_days: name the moments at which days begin, because the account's days begin elsewhere than ours.
    Raises:
        TagLimit: more terms than allowed can only be evaluated by the site.
    """
    parts = _each_once([*map(Tag, tags), *conjuncts(terms.root)])
    free = [part for part in parts if not _counted(part)]
    server, local = _split([part for part in parts if _counted(part)], tag_limit, counts)
    text = " ".join(_as_term(part, pinned_days=pinned_days) for part in [*server, *free])
    if not local:
        return QueryPlan(text, None, ())
    here = ", ".join(to_text(part) for part in local)
    line = f"the site takes {tag_limit} terms at a time for this account, so these are checked here: {here}"
    return QueryPlan(text, local[0] if len(local) == 1 else And(tuple(local)), (line,))


def crawl_terms(where: str, rating: str = "") -> Query:
    """Read what narrows a crawl, and refuse what cannot; asks nobody.

    Args:
        where: terms in the site's search language.
        rating: letters with commas, `g,s`; empty: all.
    Raises:
        QueryError: `where` cannot be read, or a value in it.
        UsageError: it orders or limits, or asks our own database; or the rating does not exist.
    """
    query = parse(where)
    _refuse_settings(query)
    refuse_bad_values(query.root, datetime.now(UTC))
    return Query(And((*_ratings(rating), *conjuncts(query.root))))


def _split(parts: list[Node], tag_limit: int | None, counts: Mapping[str, int]) -> tuple[list[Node], list[Node]]:
    """The costly parts for the site, within its limit, and those for us."""
    allowed = math.inf if tag_limit is None else max(1, tag_limit)
    site_only = [part for part in parts if unmatchable(part)]
    plain = [part for part in parts if isinstance(part, Tag) and part not in site_only]
    plain.sort(key=lambda tag: counts.get(tag.name, math.inf))
    others = [part for part in parts if part not in site_only and part not in plain]
    server: list[Node] = []
    local: list[Node] = []
    terms_used: set[str] = set()
    for part in [*site_only, *plain, *others]:
        with_part = terms_used | _counted(part)
        if len(with_part) <= allowed:
            server.append(part)
            terms_used = with_part
        elif part in site_only:
            terms = ", ".join(to_text(one) for one in site_only)
            raise TagLimit(f"this account may search for {tag_limit} terms at a time, and only the site knows: {terms}")
        else:
            local.append(part)
    return [part for part in parts if part in server], [part for part in parts if part in local]


def _counted(part: Node) -> set[str]:
    """The distinct terms of a part that count against the limit."""
    return {to_text(leaf) for leaf in leaves(part) if cost(leaf) is Cost.COUNTED}


def _refuse_settings(query: Query) -> None:
    """A crawl goes by id and takes all that matches: what orders or samples has no place in it."""
    if query.order is not None:
        raise UsageError(f"order:{query.order} has no effect on a crawl, which goes by id; leave it out")
    if query.limit is not None:
        raise UsageError(f"limit:{query.limit} has no effect on a crawl; write --limit {query.limit}")
    for leaf in leaves(query.root):
        if cost(leaf) is Cost.LOCAL:
            raise UsageError(f"{to_text(leaf)} asks our own database; use it in crawl query")
        if isinstance(leaf, Metatag) and leaf.name in ORDERING_METATAGS:
            raise UsageError(_instead_of_order(leaf))


def _instead_of_order(leaf: Metatag) -> str:
    if leaf.name == "random":
        return f"{leaf.term} takes a sample, and a crawl takes all that matches; to stop after some posts, use --limit"
    plain = Metatag(leaf.name.removeprefix("ord"), leaf.value)
    return f"{leaf.term} orders the posts, and a crawl goes by id; write {plain.term}"


def _ratings(rating: str) -> list[Node]:
    letters = [letter.strip().lower() for letter in rating.split(",") if letter.strip()]
    known = {one.value for one in Rating}
    for letter in letters:
        if letter not in known:
            raise UsageError(f"rating {letter!a} does not exist; give letters of g, s, q, e, like g,s")
    return [Metatag("rating", ",".join(dict.fromkeys(letters)))] if letters and set(letters) != known else []


def _each_once(parts: Sequence[Node]) -> list[Node]:
    return list(dict.fromkeys(parts))


def _as_term(part: Node, *, pinned_days: bool) -> str:
    def reads(leaf: Leaf) -> Leaf:
        return as_the_site_reads(leaf, pinned_days=pinned_days) if isinstance(leaf, Metatag) else leaf

    return to_text(with_leaves(part, reads))
