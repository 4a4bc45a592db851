"""What people type, turned into what the site calls it: aliases, other names, and characters without their series.

`mona` in a gallery of `genshin_impact` becomes `mona_(genshin_impact)`, and so do モナ and 莫娜. Nothing is guessed
where several tags may be meant.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from crawler.client import DanbooruClient, Tag
from crawler.errors import AmbiguousTag, BadTag, TransientError, UnknownTag
from storage.records import TagCategory, Target

log = logging.getLogger(__name__)

LONGEST_TAG = 170  # characters; the site's own rule
LONGEST_NAME = 100  # characters of a folder's name
MOST_HINTS = 5
LEAST_LIKENESS = 0.6  # 0..1, of two words
LIKENESS_RANGE = 0.15  # how far behind the likeliest a hint may be
NAMES_IT = frozenset({"tag-alias", "tag-other-name"})  # suggestions that are the thing itself, not something like it
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_'().-]*")
WINDOWS_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))})
_QUALIFIERS = re.compile(r"_\(([^()]*(?:\([^()]*\)[^()]*)*)\)$")


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


async def resolve_tag(client: DanbooruClient, typed: str) -> ResolvedTag:
    """The tag that a word names.

    Raises:
        BadTag: the word cannot be a tag. UnknownTag: there is none; carries suggestions. AmbiguousTag: several.
    """
    name = normalised(typed)
    found = await _by_name(client, name) or await _by_other_name(client, name, ())
    if found is None:
        raise UnknownTag(typed, await _near(client, name))
    return found


async def resolve_target(client: DanbooruClient, typed: str, within: Collection[str] = ()) -> ResolvedTarget:
    """The target that a word names, with the variants that imply it.

    Args:
        within: the tags that are crawled; a character of theirs is preferred to one of the same name elsewhere.
    Raises: as `resolve_tag`.
    """
    name = normalised(typed)
    found = (
        await _by_name(client, name)
        or await _by_other_name(client, name, within)
        or await _by_base(client, name, within)
    )
    if found is None:
        raise UnknownTag(typed, await _near(client, name))
    variants = await _variants(client, found.name)
    target = Target(name=folder_name(name, found.name), tag=found.name, variants=variants)
    return ResolvedTarget(target, found.category, found.post_count, found.how)


def normalised(typed: str) -> str:
    """A word as the site writes tags: lower case, underscores for spaces.

    Raises: BadTag: it cannot be a tag; says why.
    """
    name = re.sub(r"\s+", "_", typed.strip()).lower()
    if not name:
        raise BadTag("a tag is missing; give one, like genshin_impact")
    if len(name) > LONGEST_TAG:
        raise BadTag(f"{name[:40]!a}… has {len(name)} characters; tags have at most {LONGEST_TAG}")
    if name[0] in "-~":
        raise BadTag(f"{typed!a} begins with {name[0]!r}; terms that refine the search belong into --where")
    wrong = re.search(r"[*,%#\"`\\]|[^\S_]", name)
    if wrong or not name.isprintable():
        raise BadTag(f"{typed!a} cannot be a tag{f': {wrong[0]!a} never occurs in one' if wrong else ''}")
    if re.match(r"(rating|status|id|score|order|limit|date|age|user|source|is|has|parent|filetype|ai):.", name):
        raise BadTag(f"{typed!a} is a search term, not a tag; put it into --where")
    return name


def folder_name(typed: str, tag: str) -> str:
    """A name for folders and rows: the typed word where it is safe, else made from the tag."""
    for candidate in (typed, unqualified(tag), tag):
        if _is_safe(candidate):
            return candidate
    name = re.sub(r"[^a-z0-9_'().-]", "_", unqualified(tag)).strip("._-'()")[:LONGEST_NAME]
    name = re.sub(r"\.{2,}", "_", name)
    return name if _is_safe(name) else f"tag_{name.replace('.', '_') or 'unnamed'}"


def _is_safe(name: str) -> bool:
    if not SAFE_NAME.fullmatch(name) or len(name) > LONGEST_NAME or ".." in name or name.endswith("."):
        return False
    return name.split(".")[0] not in WINDOWS_DEVICES


def unqualified(tag: str) -> str:
    """A tag without the qualifiers at its end: `mona_(genshin_impact)` → `mona`."""
    while match := _QUALIFIERS.search(tag):
        if not match.start():
            break
        tag = tag[: match.start()]
    return tag


def qualifiers(tag: str) -> list[str]:
    """The qualifiers at a tag's end, from left to right."""
    found: list[str] = []
    while (match := _QUALIFIERS.search(tag)) and match.start():
        found.insert(0, match[1])
        tag = tag[: match.start()]
    return found


async def _by_name(client: DanbooruClient, name: str) -> ResolvedTag | None:
    """The tag itself, or what it is an alias of; an empty tag is usually an alias's remains."""
    if not name.isascii():
        return None
    tag = await client.tag(name)
    if tag is not None and tag.post_count:
        return _resolved(tag, "exact")
    for consequent in await client.aliases(name):
        aliased = await client.tag(consequent)
        if aliased is not None:
            return _resolved(aliased, "alias")
    return None


async def _by_other_name(client: DanbooruClient, name: str, within: Collection[str]) -> ResolvedTag | None:
    """A tag that is also called that, usually in another script."""
    suggested = await client.autocomplete(name, 10)
    names = {found.name for found in suggested if found.antecedent == name and found.kind in NAMES_IT}
    if not names and not name.isascii():
        names = {wiki.title for wiki in await client.wikis_by_other_name(name)}
    tags = [tag for tag in (await client.tags(sorted(names))).values() if tag.post_count] if names else []
    chosen = _choose(name, tags, within)
    return _resolved(chosen, "other name") if chosen else None


async def _by_base(client: DanbooruClient, name: str, within: Collection[str]) -> ResolvedTag | None:
    """A character whose tag is this word with the series behind it."""
    if not name.isascii():
        return None
    like = await client.tags_like(f"{name}_(*", category=TagCategory.CHARACTER)
    chosen = _choose(name, [tag for tag in like if unqualified(tag.name) == name and tag.post_count], within)
    return _resolved(chosen, "series left out") if chosen else None


def _choose(typed: str, tags: Sequence[Tag], within: Collection[str]) -> Tag | None:
    """The one tag that is meant.

    Characters of the crawled series come first; of those, the plain character before its costumes, then the one with
    the most posts.

    Raises: AmbiguousTag: several are left that have nothing to do with the series.
    """
    characters = [tag for tag in tags if tag.category is TagCategory.CHARACTER] or list(tags)
    characters.sort(key=lambda tag: (len(qualifiers(tag.name)), -tag.post_count))
    ours = [tag for tag in characters if _belongs(tag.name, within)]
    if ours:
        return ours[0]
    fewest = [tag for tag in characters if len(qualifiers(tag.name)) == len(qualifiers(characters[0].name))]
    if len(fewest) > 1:
        raise AmbiguousTag(typed, [tag.name for tag in fewest[:MOST_HINTS]])
    return fewest[0] if fewest else None


def _belongs(tag: str, within: Collection[str]) -> bool:
    """Whether a qualifier names one of the crawled tags, or the franchise it is part of."""
    for qualifier in qualifiers(tag):
        for name in within:
            base = unqualified(name)
            if qualifier in (name, base) or base.startswith((f"{qualifier}_", f"{qualifier}/")):
                return True
    return False


async def _variants(client: DanbooruClient, tag: str) -> tuple[str, ...]:
    """All tags that imply this one, over any number of steps."""
    edges = await client.implications(to=tag)
    found: set[str] = set()
    frontier = {tag}
    while frontier:
        frontier = {edge.antecedent for edge in edges if edge.consequent in frontier} - found - {tag}
        found |= frontier
    return tuple(sorted(found))


async def _near(client: DanbooruClient, name: str) -> list[str]:
    """What may have been meant instead, the likeliest first."""
    suggestions: list[str] = []
    for asked in (client.autocomplete, client.tags_near):
        try:
            suggestions += [found.name for found in await asked(name, limit=10)]
        except TransientError as error:  # a search for hints that fails must not hide the answer
            log.info("no hints for %a: %s", name, error)
    return _by_likeness(name, suggestions)[:MOST_HINTS]


def _by_likeness(name: str, suggestions: Iterable[str]) -> list[str]:
    """The likeliest first; what has little in common with the word is no hint, unless it has its letters in it."""

    def likeness(tag: str) -> float:
        bonus = 1.0 if name in tag or not name.isascii() else 0.0
        return bonus + max(difflib.SequenceMatcher(None, name, form).ratio() for form in (tag, unqualified(tag)))

    by_likeness = {tag: likeness(tag) for tag in suggestions}
    least = max(LEAST_LIKENESS, max(by_likeness.values(), default=0.0) - LIKENESS_RANGE)
    return sorted((tag for tag, value in by_likeness.items() if value >= least), key=lambda tag: -by_likeness[tag])


def _resolved(tag: Tag, how: str) -> ResolvedTag:
    return ResolvedTag(tag.name, tag.category, tag.post_count, how)
