"""Words before a colon that are no metatags: typing errors, unless a tag has that name, as `re:zero` has."""

from __future__ import annotations

from sqlalchemy import Connection, select

from storage.database.phrases import like
from storage.database.tables import TagRow
from storage.search.language import Query, leaves
from storage.search.match import fits
from storage.search.metatags import name_before_colon, no_metatag
from storage.search.sql import like_pattern
from storage.search.tree import Tag, Wildcard


def refuse_unknown_metatags(connection: Connection, query: Query) -> None:
    """Look at the tags of an expression that look like metatags.

    Raises:
        QueryError: no post here carries such a tag; names the nearest metatag.
    """
    terms = [leaf.name if isinstance(leaf, Tag) else leaf.pattern for leaf in _words(query)]
    suspects = [term for term in terms if name_before_colon(term.replace("*", ""))]
    for term in suspects:
        column = like(TagRow.name.expression, like_pattern(term)) if "*" in term else TagRow.name == term
        known = connection.execute(select(TagRow.name).where(column)).scalars()
        if not any(fits(term, name) for name in known):
            raise no_metatag(term, "no post here")


def _words(query: Query) -> list[Tag | Wildcard]:
    return [leaf for leaf in leaves(query.root) if isinstance(leaf, Tag | Wildcard)]
