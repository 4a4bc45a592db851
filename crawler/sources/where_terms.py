"""The tags of `--where` as the site has them: aliases followed, and words that no post carries noticed.

The site finds nothing for a tag that does not exist, and says nothing; it follows aliases by itself, but terms over
the account's limit are checked here, on posts that carry the tag's own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crawler.errors import AmbiguousTag, UnknownTag
from crawler.sources.names import resolve_tag
from crawler.sources.site_client import SiteClient
from storage.search.language import Leaf, Query, Tag, Wildcard, conjuncts, leaves
from storage.search.metatags import name_before_colon, no_metatag
from storage.search.tree import with_leaves


@dataclass(frozen=True, slots=True)
class ResolvedWhere:
    """Further terms of a search, and remarks on them for the user."""

    query: Query
    lines: tuple[str, ...]  # for people


async def resolve_where(client: SiteClient, query: Query) -> ResolvedWhere:
    """Replace every tag of an expression by the one that it means; patterns stay.

    Raises:
        QueryError: a word looks like a metatag, is none, and is no tag of the site either.
        UnknownTag, AmbiguousTag: a tag that every post must carry does not exist, or may be several.
    """
    nothing_fits = await _patterns_in_vain(client, query)
    names = {leaf.name for leaf in leaves(query.root) if isinstance(leaf, Tag) and leaf.name[0] != "/"}
    if not names:
        return ResolvedWhere(query, nothing_fits)
    moved = await client.aliases_of(names)  # an alias comes first: right after a rename its old tag still counts posts
    there = {name for name, tag in (await client.tags(sorted(names - moved.keys()))).items() if tag.post_count}
    required = {part.name for part in conjuncts(query.root) if isinstance(part, Tag)}
    meant: dict[str, str] = {}
    lines = [*nothing_fits]
    for name in sorted(names - there, key=lambda name: (name_before_colon(name) is None, name)):
        try:
            found = await resolve_tag(client, name)
        except (UnknownTag, AmbiguousTag) as error:
            if name_before_colon(name):
                raise no_metatag(name, "nothing at the site") from None
            if name in required:
                raise
            lines.append(f"{error}; {name} changes nothing")
        else:
            meant[name] = found.name
            lines.append(f"{name} means {found.name} ({found.how})")
    root = with_leaves(query.root, lambda leaf: _renamed(leaf, meant))
    return ResolvedWhere(replace(query, root=root), tuple(lines))


async def _patterns_in_vain(client: SiteClient, query: Query) -> tuple[str, ...]:
    """Lines about patterns that no tag of the site fits.

    Raises: as `resolve_where`.
    """
    patterns = dict.fromkeys(leaf.pattern for leaf in leaves(query.root) if isinstance(leaf, Wildcard))
    vain = [one for one in patterns if not any(tag.post_count for tag in await client.tags_like(one, limit=1))]
    required = {part.pattern for part in conjuncts(query.root) if isinstance(part, Wildcard)}
    for pattern in vain:
        if name_before_colon(pattern.replace("*", "")):
            raise no_metatag(pattern, "nothing at the site")
        if pattern in required:
            raise UnknownTag(pattern)
    return tuple(f"no tag matches {pattern!r}; {pattern} changes nothing" for pattern in vain)


def _renamed(leaf: Leaf, meant: Mapping[str, str]) -> Leaf:
    return Tag(meant[leaf.name]) if isinstance(leaf, Tag) and leaf.name in meant else leaf
