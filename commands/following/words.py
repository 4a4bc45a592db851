"""A recorded search as the site is asked it again: by id as it was crawled, and in the order of changes."""

from __future__ import annotations

from collections.abc import Mapping

from crawler.errors import TagLimit
from crawler.following.sync import AskedSearch, SearchWords
from crawler.sources.query_plan import plan
from storage.records import Post
from storage.search.language import And, Leaf, Node, Query, Tag, conjuncts, leaves, parse, to_text
from storage.search.match import matcher
from storage.search.tree import with_leaves

_HERE = " && "  # before the part of a recorded search that is checked here


def search_words(query: str, *, tag_limit: int | None, change_terms: int) -> SearchWords:
    """How a search is asked in both kinds of lists.

    Args:
        query: as it is recorded.
        tag_limit: terms that the account may search for at once; None: any number.
        change_terms: of these, what the order of changes takes.
    """
    by_id = _asked(*query.partition(_HERE)[::2])
    room = None if tag_limit is None else tag_limit - change_terms
    if room == 0:
        return SearchWords(by_id, None)
    try:
        planned = plan(tags_of(query), other_terms(query), tag_limit=room)
    except TagLimit:
        return SearchWords(by_id, None)
    fits = _everything if planned.local is None else matcher(planned.local)
    return SearchWords(by_id, AskedSearch(planned.server, tags_of(planned.server), fits))


def tags_of(query: str) -> tuple[str, ...]:
    """The tags that every post of a recorded search carries."""
    return tuple(part.name for part in conjuncts(parse(query.replace(_HERE, " ")).root) if isinstance(part, Tag))


def other_terms(query: str) -> Query:
    """All of a recorded search but these tags."""
    parts = conjuncts(parse(query.replace(_HERE, " ")).root)
    return Query(And(tuple(part for part in parts if not isinstance(part, Tag))))


def every_tag(query: str) -> frozenset[str]:
    """Every tag that a recorded search names, excluded ones too."""
    return frozenset(leaf.name for leaf in leaves(parse(query.replace(_HERE, " ")).root) if isinstance(leaf, Tag))


def renamed_query(query: str, names: Mapping[str, str]) -> str:
    """A recorded search with other names for its tags.

    Args:
        query: as it is recorded.
        names: the present name of each tag that has another one.
    """

    def today(leaf: Leaf) -> Node:
        return Tag(names.get(leaf.name, leaf.name)) if isinstance(leaf, Tag) else leaf

    return _HERE.join(to_text(with_leaves(parse(part).root, today)) for part in query.split(_HERE))


def _asked(server: str, here: str) -> AskedSearch:
    return AskedSearch(server, tags_of(server), matcher(parse(here).root) if here else _everything)


def _everything(post: Post) -> bool:
    return True
