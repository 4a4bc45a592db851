"""Imported pictures are looked at by the models in force, as a crawl would: decided, and kept from the files here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from classifier.progress import ProgressCallback
from commands.context.registered_models import judge_settings, package_folder, verified
from commands.context.tagger_choice import tagger_settings
from commands.context.workspace import Workspace
from commands.lookup.gallery_reader import read_gallery
from crawler.decisions import Policy, Ruling, effective
from crawler.judge import Judge
from storage.archive import Archive, open_reader
from storage.archive_records import RegisteredModel, Sighting
from storage.plurals import counted
from storage.records import DecisionValue, Known, ModelCard, Place, Post, Target

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings

OpenJudge: TypeAlias = (
    "Callable[[Mapping[str, ModelCard], Mapping[str, Path], JudgeSettings], AbstractAsyncContextManager[Judge]]"
)

_AT_ONCE = 200  # posts
_IN_FLIGHT = 48


@dataclass(slots=True)
class FirstLook:
    """What came of it."""

    models: tuple[str, ...] = ()  # that looked: `mona/1`
    looked: int = 0
    values: Counter[str] = field(default_factory=Counter)  # posts by decision; one is kept where any target keeps it

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"looked_by": list(self.models), "looked": self.looked, "decided": dict(self.values)}


async def look_at_arrivals(
    archive: Archive, workspace: Workspace, run_id: int, report: ProgressCallback, open_judge: OpenJudge | None = None
) -> FirstLook:
    """Decide every post whose picture lies here and which the models in force have not decided; killed, it goes on.

    Args:
        archive: of the gallery.
        workspace: the gallery, and the settings by which posts are decided.
        run_id: of the import.
        report: progress.
        open_judge: of cards and package folders by target; None: `classifier.judge.NetworkJudge`.

    Raises:
        ModelError, PackageError: a model's files are not what was registered, or its device fails.
    """
    models, targets = _in_force(workspace)
    hashes = {name: model.card.hash for name, model in models.items()}
    if not await archive.arrivals.unlooked(hashes, above=0, limit=1):
        return FirstLook()
    from classifier.judge import NetworkJudge

    folders = {name: package_folder(workspace, model.card) for name, model in models.items()}
    for model in models.values():
        verified(workspace, model)
    settings = judge_settings(workspace.settings.scoring, tagger_settings(workspace.settings, list(targets.values())))
    cards = {name: model.card for name, model in models.items()}
    done = FirstLook(tuple(card.name for card in cards.values()))
    async with (open_judge or NetworkJudge)(cards, folders, settings) as judge:
        policy = Policy(trust_tags=workspace.settings.scoring.trust_tags)
        looking = _Looking(archive, judge, Ruling(policy, judge.models), targets, run_id, done)
        above = 0
        while found := await archive.arrivals.unlooked(hashes, above=above, limit=_AT_ONCE):
            above = found[-1][0]
            await looking.look_at([post for _, post in found])
            report("looking", 0.0, counted(done.looked, "picture"))
    return done


def _in_force(workspace: Workspace) -> tuple[Mapping[str, RegisteredModel], Mapping[str, Target]]:
    """The models that decide, and what their targets are, by name."""
    with read_gallery(workspace) as reader:
        targets = {target.name: target for target in reader.targets()}
        found = {model.card.target: model for model in reader.models() if model.active}
    return {name: model for name, model in found.items() if name in targets}, targets


@dataclass(slots=True)
class _Looking:
    archive: Archive
    judge: Judge
    ruling: Ruling
    targets: Mapping[str, Target]
    run_id: int
    done: FirstLook
    sites: set[str] = field(default_factory=set)  # whose targets are known to the gallery
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_IN_FLIGHT))

    async def look_at(self, posts: Sequence[Post]) -> None:
        for site in {post.site for post in posts} - self.sites:
            await self._know_targets(site)
        known: dict[tuple[str, int], Known] = {}
        for site in {post.site for post in posts}:
            facts = await self.archive.known([post for post in posts if post.site == site], list(self.judge.models))
            known |= {(site, number): one for number, one in facts.items()}
        ended = await asyncio.gather(
            *(self._look(post, known.get((post.site, post.id), Known())) for post in posts), return_exceptions=True
        )
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _know_targets(self, site: str) -> None:
        """A target is known by site; one that the site's crawls never named has the tag that it has elsewhere."""
        with open_reader(self.archive.root) as reader:
            there = {target.name for target in reader.targets(site)}
        new = [target for name, target in self.targets.items() if name in self.judge.models and name not in there]
        await self.archive.save_targets(site, new)
        self.sites.add(site)

    async def _look(self, post: Post, known: Known) -> None:
        async with self.room:
            content = known.rendition and await self.archive.read_rendition(known.rendition)
            if not content:
                return  # gone since it was taken in; crawl verify names it
            wanted = [self.targets[name] for name in self.judge.models]
            look, decisions = self.ruling.judge(wanted, post, await self.judge.look(content), known.tagger_tags)
            sighting = Sighting(post=post, run_id=self.run_id, look=look, decisions=decisions, models=self.judge.models)
            await self.archive.file_look(sighting)
            held = {one.target: effective(one.value, known.labels.get(one.target)) for one in decisions}
            kept = [name for name, value in held.items() if value is DecisionValue.KEEP]
            missing = [name for name in kept if known.places.get(name, Place.NONE) is not Place.GALLERY]
            if missing:
                await self.archive.adopt_known_original(post, missing)
            self.done.looked += 1
            self.done.values[_sum_of(held)] += 1


def _sum_of(held: Mapping[str, DecisionValue | None]) -> str:
    for value in (DecisionValue.KEEP, DecisionValue.UNDECIDED):
        if value in held.values():
            return value.value
    return DecisionValue.DELETE.value
