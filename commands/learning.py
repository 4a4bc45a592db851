"""Learning the models that a run lacks: round 0, told to the user as it goes, its pictures kept for the run itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.decoder_pool import DecodedPicture, Decoders
from classifier.errors import PictureFault
from classifier.learning import Goal
from classifier.package import load_package
from commands.console import say
from commands.networks import first_weights
from commands.telling import told
from crawler.crew import Fetcher
from crawler.downloads import Downloader
from crawler.renditions import fits, likeness, rendition_to_score
from rounds.free_number import free_name
from rounds.round_zero import Gallery, RoundSettings, round_zero
from rounds.sampling import SampleSize
from rounds.teaching import NewModel, preprocessing_for
from storage.filing import Sighting, StoredFacts
from storage.paths import model_folder, models_folder
from storage.records import Look, Post, Rendition, Target

if TYPE_CHECKING:
    from commands.judging import GoalWish, JudgeWish
    from commands.shelves import CommandShelf
    from storage.filing import RegisteredModel


async def learn(wish: JudgeWish, missing: Sequence[Target]) -> Mapping[str, RegisteredModel]:
    """Learn a model for each target from the gallery's own tags, register and activate them.

    Raises:
        RoundError: the tags teach too little, or the learning process failed.
    """
    asked = wish.place.settings.round_zero
    first_weights(asked.network, asked)  # refused before anything long begins
    started = time.monotonic()
    names = ", ".join(target.name for target in missing)
    say(f"no model for {names} yet: learning one from the gallery's own tags")
    folders = {target: await _folder(wish, target) for target in missing}
    settings = _settings(wish, missing)
    async with Decoders([settings.preprocessing]) as decoders, told(quiet=wish.quiet) as tell:
        fetcher = Downloader(wish.connected.http, wish.connected.site, wish.connected.pace.patience)
        desk = _Desk(fetcher, wish.shelf, decoders, wish.place.settings.scoring.score_on)
        gallery = Gallery(source=wish.connected.client, pictures=desk, decoder=desk)
        models = await round_zero(gallery, wish.tag, folders, settings, tell=tell)
    for model in models:
        await _register(wish, model)
        for line in model.report.splitlines():
            say(line)
    say(f"learned {names} in {time.monotonic() - started:.0f} s")
    found = {target.name: await wish.shelf.active_model(target.name) for target in missing}
    return {name: model for name, model in found.items() if model is not None}


def _settings(wish: JudgeWish, missing: Sequence[Target]) -> RoundSettings:
    asked = wish.place.settings.round_zero
    return RoundSettings(
        size=SampleSize(total=asked.renditions),
        backbone=asked.network,
        preprocessing=preprocessing_for(asked.network),
        weights=Path(asked.weights) if asked.weights else None,
        may_download=asked.download_weights,
        goals=dict.fromkeys((target.name for target in missing), _goal(wish.goal, wish.place.settings.goal.precision)),
        time_budget_s=asked.minutes * 60,
        seed=asked.seed,
        in_flight=wish.place.settings.scoring.in_flight,
    )


def _goal(wish: GoalWish, precision: float) -> Goal:
    """The model remembers the goal of its making; a threshold given by hand is for one run only."""
    if wish.recall is not None:
        return Goal(precision=None, recall=wish.recall)
    return Goal(precision=wish.precision or precision)


async def _folder(wish: JudgeWish, target: Target) -> Path:
    """Where the new package goes: the first number that neither the registry nor the disk has."""
    models = models_folder(wish.place.root)
    return model_folder(models, await free_name(wish.shelf, models, target.name))


async def _register(wish: JudgeWish, model: NewModel) -> None:
    package = await asyncio.to_thread(load_package, model.folder, expected_hash=model.hash)
    card = package.card(int(model.folder.name))
    await wish.shelf.register_model(card, model.facts, activate=True)


# --- pictures ------------------------------------------------------------------------------------------------------


class _Picture(bytes):
    """A rendition's bytes that know where they come from, so that they can be kept once they have been decoded."""

    post: Post
    rendition: Rendition


@dataclass(slots=True)
class _Desk:
    """Brings renditions from the shelf or the site, decodes them, and keeps what was whole for the crawl to come."""

    fetcher: Fetcher
    shelf: CommandShelf
    decoders: Decoders
    score_on: str

    async def picture(self, post: Post) -> bytes | None:
        """The rendition that the crawl would look at."""
        known = (await self.shelf.known([post], [])).get(post.id)
        if known is not None and known.rendition is not None:
            stored = await self.shelf.read_rendition(known.rendition)
            if stored is not None:
                return stored
        rendition = rendition_to_score(post, self.score_on)
        if rendition is None:
            return None
        version = post.file if rendition.name == "original" else None
        fetched = await self.fetcher.fetch_bytes(rendition.url, version=version, expect=likeness(post))
        picture = _Picture(fetched.content)
        picture.post, picture.rendition = post, rendition
        return picture

    async def decode(self, picture: bytes) -> DecodedPicture:
        """Decode, and keep a fetched rendition that is what was announced.

        Raises:
            PictureFault: it cannot be decoded, or it is not what was announced.
        """
        decoded = await self.decoders.decode(picture)
        if isinstance(picture, _Picture):
            look = Look(width=decoded.width, height=decoded.height, format=decoded.format, picture_hash=decoded.hash)
            if not fits(look, picture.rendition):
                raise PictureFault("wrong dimensions", f"post {picture.post.id}")
            facts = StoredFacts(picture.rendition.name, decoded.format, decoded.width, decoded.height)
            sighting = Sighting(post=picture.post, look=look, decisions=(), rendition=bytes(picture), stored=facts)
            await self.shelf.file_look(sighting)
        return decoded
