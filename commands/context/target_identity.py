"""Which of the gallery's targets a resolved one is: by the site's aliases, not by how its tag is spelled today.

A site renames tags, and leaves an alias behind. The target stays the same then, with its model, its labels and its
folder, and is known by the new tag from now on. Where the site makes one tag of two targets, they become one here, and
no label is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from crawler.sources.names import ResolvedTarget, present_tag, with_posts
from crawler.sources.site_client import ALIASES, IMPLICATIONS, SiteClient
from storage.archive_records import RegisteredModel
from storage.names import distinct_target_names, unqualified
from storage.plurals import counted
from storage.records import Target
from storage.rows.targets import Merged


class Targets(Protocol):
    """Where resolved targets are remembered, and their models."""

    async def targets(self, site: str | None) -> Sequence[Target]: ...
    async def merged_targets(self, site: str) -> Sequence[Target]: ...
    async def save_targets(self, site: str, targets: Sequence[Target]) -> None: ...
    async def merge_target(self, site: str, gone: str, into: str) -> Merged: ...
    async def active_model(self, target: str) -> RegisteredModel | None: ...
    async def models(self, target: str | None = None) -> Sequence[RegisteredModel]: ...


@dataclass(frozen=True, slots=True)
class Identified:
    """A resolved target under the name that it has here."""

    target: Target
    found: ResolvedTarget
    lines: tuple[str, ...] = ()  # what changed since it was last seen, for people


async def identify(
    client: SiteClient, site: str, found: Sequence[ResolvedTarget], targets: Targets
) -> Sequence[Identified]:
    """Give each resolved target the name that it has here, and remember it under its present tag.

    Targets that turn out to be one are given once.
    """
    by_tag: dict[str, Identified] = {}
    for one in found:
        if one.target.tag not in by_tag:
            by_tag[one.target.tag] = await _identify(client, site, one, targets)
    return tuple(by_tag.values())


async def _identify(client: SiteClient, site: str, found: ResolvedTarget, targets: Targets) -> Identified:
    known = await targets.targets(site)
    same = [one for one in known if one.tag == found.target.tag or one.tag in found.renamed]
    if not same and client.lacks(ALIASES):
        same = await _called_so_today(client, found.target.tag, known)
    if not same:
        same = _separated_again(found.target, await targets.merged_targets(site))
    if not same:
        named = await _named_like_its_model(found, targets)
        elsewhere = [one for one in await targets.targets(None) if not _same_tag(one, found)]
        target = _under_a_free_name(named, [*known, *await targets.merged_targets(site), *elsewhere])
        await targets.save_targets(site, [target])
        return Identified(target, found)
    ours = await _which_stays(same, found.target.tag, targets)
    others = [one for one in same if one is not ours]
    before = {name for one in others for name in (one.name, *one.names_before)} | set(ours.names_before)
    aliases = await _all_aliases(client, ours, found.target)
    variants = ours.variants if client.lacks(IMPLICATIONS) else found.target.variants
    target = replace(
        found.target, name=ours.name, variants=variants, aliases=aliases, names_before=tuple(sorted(before))
    )
    await targets.save_targets(site, [target])
    merged = [_merged_line(await targets.merge_target(site, one.name, ours.name), one, target) for one in others]
    return Identified(target, found, (*_renamed_lines(ours, target), *merged))


def _separated_again(target: Target, merged: Sequence[Target]) -> list[Target]:
    """The target that became part of another and has a tag of its own again: its last one, or the one it is named by.

    An alias alone is not enough: the site may have given it to somebody else.
    """
    names = {target.name, target.tag, unqualified(target.tag)}
    same = [one for one in merged if one.tag == target.tag]
    return same or [one for one in merged if target.tag in one.aliases and one.name in names][:1]


def _same_tag(one: Target, found: ResolvedTarget) -> bool:
    """Whether a target of any site has this tag, by one of its names: it and its model are shared then."""
    return found.target.tag in one.names or one.tag in found.renamed


async def _called_so_today(client: SiteClient, tag: str, known: Sequence[Target]) -> list[Target]:
    """The known targets whose own tag has no posts any more, and is this one today."""
    living = await with_posts(client, {one.tag for one in known})
    return [one for one in known if one.tag not in living and await present_tag(client, one.tag) == tag]


async def _which_stays(same: Sequence[Target], tag: str, targets: Targets) -> Target:
    """Of targets that the site made one: the one with a model, else the one that has the tag already."""
    ranked = [(await targets.active_model(one.name) is None, one.tag != tag, one.name, one) for one in same]
    return min(ranked, key=lambda rank: rank[:3])[3]


async def _all_aliases(client: SiteClient, ours: Target, now: Target) -> tuple[str, ...]:
    """The site's aliases today and the earlier names that are nobody else's tag: stored posts may still carry those."""
    earlier = {ours.tag, *ours.variants, *ours.aliases} - {now.tag, *now.variants, *now.aliases}
    taken = await with_posts(client, earlier)
    return tuple(sorted({*now.aliases, *(earlier - taken)}))


def _renamed_lines(ours: Target, target: Target) -> Sequence[str]:
    if ours.tag == target.tag:
        return ()
    return (
        f"keep {target.name}: the site renamed {ours.tag} to {target.tag}; it is the same target, with its model, its "
        "labels and its folder",
    )


def _merged_line(merged: Merged, other: Target, target: Target) -> str:
    words = [
        f"the site made one tag of {other.tag} and {target.tag}, so {merged.gone} is part of {target.name} now",
        f"{counted(merged.labels, 'label')} taken over; its files stay in their folder",
    ]
    if merged.contradicted:
        pictures = counted(merged.contradicted, "picture")
        words.append(f"the two have different labels for {pictures}, where those of {target.name} hold")
    return f"keep {target.name}: {'; '.join(words)}"


async def _named_like_its_model(found: ResolvedTarget, models: Targets) -> Target:
    """The target under the name that it has from a folder of pictures, before any site resolved its tag.

    `crawl train mona --from DIR` makes `mona/1`; `--keep mona_(genshin_impact)` and `--keep 莫娜` mean that model too.
    A model that was trained for another series' tag of the same name is not this target's.
    """
    from classifier.pictures.class_folders import flat

    target = found.target
    own_names = {flat(name) for name in (target.tag, unqualified(target.tag), target.name, *found.renamed)}
    for name in dict.fromkeys((target.name, target.tag, unqualified(target.tag), flat(target.tag))):
        models_here = await models.models(name)  # one that was imported need not be in force yet
        model = next((one for one in models_here if one.active), models_here[-1] if models_here else None)
        trained_for = model.facts.get("tag") if model is not None else None
        if isinstance(trained_for, str) and flat(trained_for) in own_names:
            return replace(target, name=name)
        if isinstance(trained_for, str) and name == target.name:
            return replace(target, name=next(iter(distinct_target_names(target.tag))))
    return target


def _under_a_free_name(target: Target, known: Sequence[Target]) -> Target:
    """Two tags may claim one name (`mona` of two series, here or at another site); the later goes by its whole tag."""
    taken = {one.name for one in known}
    names = (target.name, *distinct_target_names(target.tag))
    return replace(target, name=next(name for name in names if name not in taken))
