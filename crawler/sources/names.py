"""What people type, turned into what the site calls it: aliases, other names, and characters without their series.

`mona` in a gallery of `genshin_impact` becomes `mona_(genshin_impact)`, and so do モナ and 莫娜. Nothing is guessed
where several tags may be meant.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from crawler.errors import AmbiguousTag, TransientError, UnknownTag
from crawler.sources.site_client import SiteClient, SiteTag
from storage.errors import BadName
from storage.names import COSPLAY, TagName, as_the_site_writes, qualifiers, tag_or_none, target_name, unqualified
from storage.records import TagCategory, Target
from storage.rows.targets import target_called
from storage.search.language import LOCAL_METATAGS, METATAGS

log = logging.getLogger(__name__)

MOST_HINTS = 5
MOST_LOOKED_THROUGH = 200  # characters, in search of one that is spelled nearly so
LEAST_LIKENESS = 0.6  # 0..1, of two words
LIKENESS_RANGE = 0.15  # how far behind the likeliest a hint may be
_SURE = ("exact", "alias")  # how a word was found that can mean nobody else
NAMES_IT = frozenset({"tag-alias", "tag-other-name"})  # suggestions that are the thing itself, not something like it


@dataclass(frozen=True, slots=True)
class ResolvedTag:
    """A tag that exists, and how it was found."""

    name: str
    category: TagCategory
    post_count: int
    how: str  # exact | alias | other name | series left out


@dataclass(frozen=True, slots=True)
class ResolvedTarget:
    """What to keep, and how it was found."""

    target: Target
    category: TagCategory
    post_count: int
    how: str
    renamed: frozenset[str] = frozenset()  # names that the site takes for the tag itself; its former ones among them


async def resolve_tag(client: SiteClient, typed: str) -> ResolvedTag:
    """The tag that a word names.

    Raises:
        BadName: the word cannot be a tag. UnknownTag: there is none; carries suggestions. AmbiguousTag: several.
    """
    name = typed_tag(typed)
    found = await _by_name(client, name) or await _by_other_name(client, name, ())
    if found is None:
        _refuse_own_words(typed, name)
        raise UnknownTag(typed, await _near(client, name))
    return found


async def resolve_tags(client: SiteClient, typed: str) -> Sequence[ResolvedTag]:
    """The tag that a text names with its blanks, else one tag a word.

    Raises: as `resolve_tag`.
    """
    words = typed.split()
    if len(words) > 1 and (name := tag_or_none(as_the_site_writes(typed))) is not None:
        whole = await _by_name(client, name)
        if whole is not None:
            return [whole]
    return [await resolve_tag(client, word) for word in words]


async def resolve_target(
    client: SiteClient, typed: str, within: Collection[str] = (), known: Sequence[Target] = ()
) -> ResolvedTarget:
    """The target that a word names, with the variants that imply it and every other name that the site has for them.

    Args:
        within: the tags that are crawled; a character of theirs is preferred to one of the same name elsewhere.
        known: the targets that there are here. A word that one of them is called by, and that the site has neither as
            a tag nor as an alias, goes on naming whoever that target's tag is today; so does one that only named it
            once, where the site takes it for nobody, or for somebody outside `within`.
    Raises: as `resolve_tag`.
    """
    name, before = typed_tag(typed), target_called(known, typed)
    try:
        found = await _target_tag(client, name, within)
    except AmbiguousTag:
        if before is None:
            raise
        found = None
    if before is not None and (found is None or found.how not in _SURE):
        today = await _present(client, before.tag)
        if today is not None and _goes_on(before, today.name, found, name, within):
            found = today
    if found is None:
        _refuse_own_words(typed, name)
        raise UnknownTag(typed, await _near(client, name, within, [one.name for one in known]))
    variants = await _variants(client, found.name)
    renamed = await _leading_to(client, (found.name,))
    others = await _leading_to(client, variants)
    target = Target(
        name=target_name(name, unqualified(found.name), found.name),
        tag=found.name,
        variants=variants,
        aliases=tuple(sorted(renamed | others)),
    )
    return ResolvedTarget(target, found.category, found.post_count, found.how, frozenset(renamed))


def _goes_on(before: Target, today: str, found: ResolvedTag | None, name: str, within: Collection[str]) -> bool:
    """Whether a word goes on naming the target that it named before, and not whom the site's other names suggest."""
    if found is None or not _belongs(found.name, within):
        return True
    return before.name == name and _belongs(today, within)


async def present_tag(client: SiteClient, tag: str) -> str | None:
    """What a tag of earlier days is called today, by the site's aliases or, where those are closed, its completion."""
    found = await _present(client, tag)
    return found.name if found else None


async def with_posts(client: SiteClient, names: Collection[str]) -> frozenset[str]:
    """Which of these names are tags that posts carry today."""
    found = await client.tags(sorted(names)) if names else {}
    return frozenset(name for name, tag in found.items() if tag.post_count)


def typed_tag(typed: str) -> TagName:
    """A word as the site writes tags: composed, lower case, underscores for blanks.

    Raises: BadName: it cannot be a tag; says why.
    """
    plain = as_the_site_writes(typed)
    if not plain:
        raise BadName("a tag is missing; give one, like genshin_impact")
    if plain[0] in "-~":
        raise BadName(f"{typed!r} begins with {plain[0]!r}; terms that refine the search belong into --where")
    name, colon, value = plain.partition(":")
    if colon and value and name in METATAGS - LOCAL_METATAGS:  # the site lets tags begin with words that are only ours
        raise BadName(f"{typed!r} is a search term, not a tag; put it into --where")
    return TagName(plain)


def _refuse_own_words(typed: str, name: str) -> None:
    """What is no tag and begins like a term of `crawl query` is most likely meant as one."""
    word, colon, value = name.partition(":")
    if colon and value and word in LOCAL_METATAGS:
        raise BadName(f"{typed!r} is no tag of the site; as a search term it belongs into crawl query")


async def _target_tag(client: SiteClient, name: TagName, within: Collection[str]) -> ResolvedTag | None:
    return (
        await _by_name(client, name)
        or await _by_other_name(client, name, within)
        or await _by_base(client, name, within)
    )


async def _present(client: SiteClient, tag: str) -> ResolvedTag | None:
    return await _by_name(client, tag) or await _by_other_name(client, tag, ())


async def _by_name(client: SiteClient, name: str) -> ResolvedTag | None:
    """The tag itself, or what it is an alias of, over any number of steps.

    An alias comes first, as it does in the site's own search: right after a rename its old tag may still count posts.
    """
    at, passed = name, {name}
    while (step := next((one for one in await client.aliases(at) if one not in passed), None)) is not None:
        passed.add(step)
        at = step
    tag = await client.tag(at)
    if tag is None or (at == name and not tag.post_count):
        return None
    return _resolved(tag, "exact" if at == name else "alias")


async def _leading_to(client: SiteClient, names: Iterable[str]) -> set[str]:
    """All aliases of these tags, over any number of steps."""
    start = set(names)
    found: set[str] = set()
    frontier = start
    while frontier:
        frontier = set(await client.aliases_to(frontier)) - found - start
        found |= frontier
    return found


async def _by_other_name(client: SiteClient, name: str, within: Collection[str]) -> ResolvedTag | None:
    """A tag that is also called that, usually in another script."""
    suggested = await client.autocomplete(name, 10)
    names = {
        found.name
        for found in suggested
        if found.kind in NAMES_IT and found.antecedent and as_the_site_writes(found.antecedent) == name
    }
    if not names and not name.isascii():
        names = {wiki.title for wiki in await client.wikis_by_other_name(name)}
    tags = [tag for tag in (await client.tags(sorted(names))).values() if tag.post_count] if names else []
    chosen = _choose(name, tags, within)
    return _resolved(chosen, "other name") if chosen else None


async def _by_base(client: SiteClient, name: str, within: Collection[str]) -> ResolvedTag | None:
    """A character whose tag is this word with the series behind it."""
    if not name.isascii():
        return None
    like = await client.tags_like(f"{name}_(*", category=TagCategory.CHARACTER)
    chosen = _choose(name, [tag for tag in like if unqualified(tag.name) == name and tag.post_count], within)
    return _resolved(chosen, "series left out") if chosen else None


def _choose(typed: str, tags: Sequence[SiteTag], within: Collection[str]) -> SiteTag | None:
    """The one tag that is meant.

    Characters of the crawled series come first; of those, the plain character before its costumes, then the one with
    the most posts.

    Raises: AmbiguousTag: several are left that have nothing to do with the series.
    """
    characters = [tag for tag in tags if tag.category is TagCategory.CHARACTER] or list(tags)
    characters.sort(key=lambda tag: (len(qualifiers(tag.name)), -tag.post_count))
    walked = [tag for tag in characters if tag.name in within]
    ours = walked or [tag for tag in characters if _belongs(tag.name, within)]
    if ours:
        return ours[0]
    fewest = [tag for tag in characters if len(qualifiers(tag.name)) == len(qualifiers(characters[0].name))]
    if len(fewest) > 1:
        raise AmbiguousTag(typed, [tag.name for tag in fewest[:MOST_HINTS]])
    return fewest[0] if fewest else None


def _belongs(tag: str, within: Collection[str]) -> bool:
    """Whether a qualifier names one of the crawled tags, the franchise it is part of, or the series of a character."""
    for qualifier in qualifiers(tag):
        for name in within:
            base = unqualified(name)
            named = (name, base, *qualifiers(name))
            if tag == name or qualifier in named or base.startswith((f"{qualifier}_", f"{qualifier}/")):
                return True
    return False


async def _variants(client: SiteClient, tag: str) -> tuple[str, ...]:
    """All tags that imply this one, over any number of steps; who is dressed as somebody is no variant of them."""
    edges = [edge for edge in await client.implications(to=tag) if not edge.antecedent.endswith(COSPLAY)]
    found: set[str] = set()
    frontier = {tag}
    while frontier:
        frontier = {edge.antecedent for edge in edges if edge.consequent in frontier} - found - {tag}
        found |= frontier
    return tuple(sorted(found))


async def _near(client: SiteClient, name: str, within: Collection[str] = (), here: Collection[str] = ()) -> list[str]:
    """What may have been meant instead, the likeliest first.

    Args:
        within: the tags that are crawled; their characters are looked through.
        here: names that are known here already.
    """
    found = [*here]
    for ask in _hints(client, name, within):
        try:
            found += await ask()
        except TransientError as error:  # a search for hints that fails must not hide the answer
            log.info("no hints for %a: %s", name, error)
    return _by_likeness(name, dict.fromkeys(found))[:MOST_HINTS]


def _hints(client: SiteClient, name: str, within: Collection[str]) -> Iterable[Callable[[], Awaitable[list[str]]]]:
    """Questions whose answers may hold what was meant."""

    async def completed() -> list[str]:
        return [one.name for one in await client.autocomplete(name, limit=10)]

    async def spelled_so() -> list[str]:
        return [one.name for one in await client.tags_near(name, limit=10)]

    def characters(pattern: str) -> Callable[[], Awaitable[list[str]]]:
        async def ask() -> list[str]:
            like = await client.tags_like(pattern, category=TagCategory.CHARACTER, limit=MOST_LOOKED_THROUGH)
            return [one.name for one in like]

        return ask

    begin = [characters(f"{name[:2]}*")] if name[:2].isalnum() else []
    return [completed, spelled_so, *begin, *(characters(f"*_({unqualified(one)})") for one in within)]


def _by_likeness(name: str, suggestions: Iterable[str]) -> list[str]:
    """The likeliest first; what has little in common with the word is no hint, unless it has its letters in it."""

    def likeness(tag: str) -> float:
        bonus = 1.0 if name in tag or not name.isascii() else 0.0
        return bonus + max(difflib.SequenceMatcher(None, name, form).ratio() for form in (tag, unqualified(tag)))

    by_likeness = {tag: likeness(tag) for tag in suggestions}
    least = max(LEAST_LIKENESS, max(by_likeness.values(), default=0.0) - LIKENESS_RANGE)
    return sorted((tag for tag, value in by_likeness.items() if value >= least), key=lambda tag: -by_likeness[tag])


def _resolved(tag: SiteTag, how: str) -> ResolvedTag:
    return ResolvedTag(tag.name, tag.category, tag.post_count, how)
