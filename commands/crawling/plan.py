"""From the words that the user typed to tags, targets and a query that the site accepts; each step is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from commands.context.connection import Connected
from commands.context.target_identity import Identified, Targets, identify
from crawler.sources.names import ResolvedTag, ResolvedTarget, resolve_tags, resolve_target
from crawler.sources.query_plan import QueryPlan, plan
from crawler.sources.where_terms import resolve_where
from storage.plurals import counted
from storage.records import Post, Target
from storage.search.language import Query, to_text
from storage.search.match import matcher


class SearchOptions(Protocol):
    """The words that planning starts from."""

    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def keep(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class CrawlPlan:
    """What will be walked, for whom."""

    tag: str  # the resolved tags, for people
    tags: tuple[str, ...]
    targets: tuple[Target, ...]
    server_query: str  # what the site is asked
    query: str  # identifies the listing in the database
    wants: Callable[[Post], bool]  # what the site was not asked, evaluated here
    counted: int | None  # posts that the site counts for its part of the query
    checked_here: bool  # whether the rest of the query leaves some of them out
    lines: tuple[str, ...]  # all of this, for people


async def make_plan(options: SearchOptions, terms: Query, connected: Connected, targets: Targets) -> CrawlPlan:
    """Resolve names, count posts, and fit the query to the account's tag limit.

    Args:
        options: the words as typed.
        terms: what else posts must fit, by `crawler.sources.query_plan.crawl_terms`.
        connected: the site.
        targets: what is known of targets.
    Raises:
        UnknownTag, AmbiguousTag, TagLimit, QueryError: with what to type instead.
    """
    client, site = connected.client, connected.site.name
    tags = [tag for typed in options.tags for tag in await resolve_tags(client, typed)]
    names = tuple(dict.fromkeys(tag.name for tag in tags))
    known = await targets.targets(site)
    found = [await resolve_target(client, typed, within=names, known=known) for typed in options.keep]
    where = await resolve_where(client, terms)
    counts = {tag.name: tag.post_count for tag in tags}
    query = plan(
        names,
        where.query,
        tag_limit=connected.tag_limit,
        counts=counts,
        pinned_days=connected.other_days,
    )
    number = await client.count(query.server)
    kept = await identify(client, site, found, targets)  # last: what is refused changes nothing
    return CrawlPlan(
        tag=" ".join(names),
        tags=names,
        targets=tuple(one.target for one in kept),
        server_query=query.server,
        query=_identity(query),
        wants=matcher(query.local) if query.local is not None else _everything,
        counted=number,
        checked_here=query.local is not None,
        lines=(*where.lines, *_named_twice(options.keep, found), *_lines(tags, kept, query, number)),
    )


def _everything(post: Post) -> bool:
    return True


def _identity(query: QueryPlan) -> str:
    return query.server if query.local is None else f"{query.server} && {to_text(query.local)}"


def _named_twice(typed: Sequence[str], found: Sequence[ResolvedTarget]) -> list[str]:
    """Words of `--keep` that are one target at the site, and so are crawled as one."""
    by_tag: dict[str, list[str]] = {}
    for word, one in zip(typed, found, strict=True):
        by_tag.setdefault(one.target.tag, []).append(word)
    return [f"keep {' and '.join(words)}: one target, {tag}" for tag, words in by_tag.items() if len(words) > 1]


def _lines(tags: Sequence[ResolvedTag], kept: Sequence[Identified], query: QueryPlan, number: int | None) -> list[str]:
    lines = [f"tag {tag.name}: {counted(tag.post_count, 'post')} ({tag.how})" for tag in tags]
    for one in kept:
        also = f", and {', '.join(one.target.variants)}" if one.target.variants else ""
        how = f"{one.target.tag}{also}, {counted(one.found.post_count, 'post')} ({one.found.how})"
        lines += [f"keep {one.target.name}: {how}", *one.lines]
        if one.target.tag in {tag.name for tag in tags}:
            lines.append(
                f"every post of this search is tagged {one.target.tag}: what does not show it is learned from posts "
                "elsewhere at the site, and while trust_tags is on, the tag keeps every post (crawl query "
                "error:tag-error lists those that look wrong)"
            )
    posts = "an unknown number of posts" if number is None else counted(number, "post")
    return [*lines, *query.lines, f"asking the site for: {query.server} ({posts})"]
