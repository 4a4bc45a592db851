"""From the words that the user typed to tags, targets and a query that the site accepts; all of it is said aloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from commands.sites import Connected
from crawler.plan import QueryPlan, plan
from crawler.resolve import ResolvedTag, ResolvedTarget, resolve_tag, resolve_target
from storage.filing import RegisteredModel
from storage.names import distinct_target_name, unqualified
from storage.records import Post, Target
from storage.search.language import to_text
from storage.search.match import matcher


class UsageRefused(Exception):
    """The command was asked for something that makes no sense; nothing was done."""

    exit_code = 2


class Wish(Protocol):
    """The words that planning starts from."""

    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def keep(self) -> tuple[str, ...]: ...
    @property
    def rating(self) -> str: ...
    @property
    def where(self) -> str: ...


class Targets(Protocol):
    """Where resolved targets are remembered, and their models."""

    async def targets(self, site: str) -> Sequence[Target]: ...
    async def save_targets(self, site: str, targets: Sequence[Target]) -> None: ...
    async def active_model(self, target: str) -> RegisteredModel | None: ...


@dataclass(frozen=True, slots=True)
class Plan:
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


async def make_plan(wish: Wish, connected: Connected, targets: Targets) -> Plan:
    """Resolve names, count posts, and fit the query to the account's tag limit.

    Raises:
        UnknownTag, AmbiguousTag, TagLimit: with what to type instead.
    """
    tags = [await resolve_tag(connected.client, typed) for typed in _words(wish.tags)]
    names = tuple(tag.name for tag in tags)
    found = [await resolve_target(connected.client, typed, within=names) for typed in wish.keep]
    named = [await _named_like_its_model(target, targets) for target in _each_once(found)]
    kept = _as_known(named, await targets.targets(connected.site.name))
    await targets.save_targets(connected.site.name, kept)
    counts = {tag.name: tag.post_count for tag in tags}
    query = plan(
        names,
        wish.where,
        wish.rating,
        tag_limit=connected.tag_limit,
        counts=counts,
        pinned_days=connected.other_days,
    )
    counted = await connected.client.count(query.server)
    return Plan(
        tag=" ".join(names),
        tags=names,
        targets=kept,
        server_query=query.server,
        query=_identity(query),
        wants=matcher(query.local) if query.local is not None else _everything,
        counted=counted,
        checked_here=query.local is not None,
        lines=tuple(_lines(tags, [_renamed(one, kept) for one in found], query, counted)),
    )


def _words(tags: Sequence[str]) -> list[str]:
    return [word for text in tags for word in text.split()]


def _everything(post: Post) -> bool:
    return True


def _each_once(found: Sequence[ResolvedTarget]) -> list[Target]:
    by_tag = {one.target.tag: one.target for one in found}
    return list(by_tag.values())


async def _named_like_its_model(target: Target, models: Targets) -> Target:
    """The target under the name that a folder of pictures taught it by, before any site had told its tag.

    `crawl train mona --from DIR` makes `mona/1`; `--keep mona_(genshin_impact)` and `--keep 莫娜` mean that model too.
    A model that was taught another series' tag of the same name is not this target's.
    """
    from classifier.class_folders import flat

    its_names = {flat(target.tag), flat(unqualified(target.tag)), flat(target.name)}
    for name in dict.fromkeys((target.name, target.tag, unqualified(target.tag), flat(target.tag))):
        model = await models.active_model(name)
        taught = model.facts.get("tag") if model is not None else None
        if isinstance(taught, str) and flat(taught) in its_names:
            return replace(target, name=name)
        if isinstance(taught, str) and name == target.name:
            return replace(target, name=distinct_target_name(target.tag))
    return target


def _renamed(one: ResolvedTarget, kept: Sequence[Target]) -> ResolvedTarget:
    """For people: under the name that holds here."""
    return replace(one, target=next((target for target in kept if target.tag == one.target.tag), one.target))


def _as_known(found: Sequence[Target], known: Sequence[Target]) -> tuple[Target, ...]:
    """Keep the name that a tag got first: `--keep mona` and `--keep 莫娜` are one target with one set of models.

    Two tags may claim one name (`mona` of two series); the later one goes by its whole tag.
    """
    names = {target.tag: target.name for target in known}
    taken = {target.name: target.tag for target in known}
    renamed = []
    for target in found:
        name = names.get(target.tag, target.name)
        if taken.get(name, target.tag) != target.tag:
            name = distinct_target_name(target.tag)
        taken[name] = target.tag
        renamed.append(replace(target, name=name))
    return tuple(renamed)


def _identity(query: QueryPlan) -> str:
    return query.server if query.local is None else f"{query.server} && {to_text(query.local)}"


def _lines(
    tags: Sequence[ResolvedTag], found: Sequence[ResolvedTarget], query: QueryPlan, counted: int | None
) -> list[str]:
    lines = [f"tag {tag.name}: {tag.post_count} posts ({tag.how})" for tag in tags]
    for one in found:
        also = f", and {', '.join(one.target.variants)}" if one.target.variants else ""
        lines.append(f"keep {one.target.name}: {one.target.tag}{also}, {one.post_count} posts ({one.how})")
    count = "an unknown number of" if counted is None else str(counted)
    return [*lines, *query.lines, f"asking the site for: {query.server} ({count} posts)"]
