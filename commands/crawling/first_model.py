"""Learning the models that a run lacks: round 0, its progress shown, its pictures kept for the run itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.backbones.catalogue import PRETRAINED, resolved
from classifier.errors import PictureFault
from classifier.package.package import Package, load_package
from classifier.pictures.class_folders import left_out_lines
from classifier.pictures.decoder_pool import DecodedPicture, Decoders
from classifier.progress import ProgressCallback
from classifier.references.folder import ReferenceFolder
from commands.context.network_choice import first_weights, trains_beside
from commands.context.settings import RoundZero
from commands.context.tagger_choice import open_tagger
from commands.context.train_options import crawl_goal
from commands.terminal.console import say
from commands.terminal.stage_progress import reporting
from crawler.crew import Fetcher
from crawler.sources.renditions import fits, likeness, rendition_to_score
from crawler.transport.downloads import Downloader
from rounds.examples.references import ReferencePixels, decoded_references
from rounds.examples.sample import SampleSize
from rounds.examples.tagger_answers import TaggerAnswers
from rounds.models import free_name
from rounds.round_zero import Gathered, RoundSettings, RoundZeroInputs, gather, work_folder_for
from rounds.training_job import NewModel, TrainingStep, preprocessing_for
from rounds.training_process import COMMAND
from storage.archive_records import Sighting, StoredFacts
from storage.files.paths import model_folder, models_folder, target_models
from storage.records import Look, Post, Rendition, Target

if TYPE_CHECKING:
    from commands.context.archive_protocol import CommandArchive
    from commands.crawling.model_request import ModelRequest
    from storage.archive_records import RegisteredModel


@dataclass(slots=True)
class FirstRound:
    """Round 0 of some targets: the pictures are brought once, and learned from in one step or in two."""

    request: ModelRequest
    targets: tuple[Target, ...]
    settings: RoundSettings
    folder: Path  # of work: the pictures lie there until the round ends
    references: ReferenceFolder | None = None  # pictures of the one target that a person gives
    gathered: Gathered | None = None  # once the pictures are here

    async def _gathered(self, report: ProgressCallback) -> Gathered:
        """Choose, fetch and decode what is learned from, unless that is done."""
        if self.gathered is None:
            request = self.request
            fetcher = Downloader(request.connected.http, request.connected.site, request.connected.pace.patience)
            async with AsyncExitStack() as stack:
                tagger = await open_tagger(stack, request.workspace.settings, self.targets)
                preprocessings = [self.settings.preprocessing, *([] if tagger is None else [tagger.preprocessing])]
                decoders = await stack.enter_async_context(Decoders(preprocessings))
                renditions = _RenditionSource(
                    fetcher, request.archive, decoders, request.workspace.settings.scoring.score_on
                )
                given = await self._references(decoders, report)
                heard = None if tagger is None else TaggerAnswers(tagger)
                inputs = RoundZeroInputs(request.connected.client, renditions, renditions, given, heard)
                self.gathered = await gather(
                    self.folder, inputs, request.tag, self.targets, self.settings, report=report
                )
            if heard is not None:
                say(heard.words())
        return self.gathered

    async def _references(self, decoders: Decoders, report: ProgressCallback) -> ReferencePixels | None:
        """The reference pictures, decoded; names what is left out.

        Raises:
            ClassFolderError: too few of them can be decoded.
        """
        if self.references is None:
            return None
        pixels = await decoded_references(self.references, decoders, report)
        for line in left_out_lines(pixels.left_out):
            say(line)
        return pixels

    async def learn(self, step: TrainingStep, report: ProgressCallback, *, niceness: int = 0) -> Sequence[NewModel]:
        """Finished packages with numbers of their own, which nobody has registered yet.

        Raises:
            RoundError: there are too few pictures to learn from, or the training process failed.
            CrawlError: the site refuses or cannot be reached.
        """
        gathered = await self._gathered(report)
        folders = {target: await _folder(self.request, target) for target in self.targets}
        return await gathered.learn(step, folders, report=report, niceness=niceness)


@asynccontextmanager
async def first_round(
    request: ModelRequest, targets: Sequence[Target], references: ReferenceFolder | None = None
) -> AsyncIterator[FirstRound]:
    """A round for these targets; its work folder ends with the block.

    Args:
        request: of the run.
        targets: whom to learn.
        references: pictures that show them, where there is only one; None: the tags alone are learned from.

    Raises:
        UsageRefused: the network's first weights are neither at hand nor allowed to be downloaded.
    """
    round_zero = request.workspace.settings.round_zero
    first_weights(round_zero.network, round_zero)  # refused before anything long begins
    models = models_folder(request.workspace.root)
    async with work_folder_for({target: target_models(models, target.name) / "1" for target in targets}) as folder:
        yield FirstRound(request, tuple(targets), _settings(request, targets), folder, references)


async def learn_first(round_: FirstRound) -> Mapping[str, RegisteredModel]:
    """Learn, register and activate the first model of each target: in two steps, the one that takes seconds.

    Raises:
        RoundError: there are too few tagged posts to learn from, or the training process failed.
    """
    request, started = round_.request, time.monotonic()
    names = ", ".join(target.name for target in round_.targets)
    given = "" if round_.references is None else f"{len(round_.references.pictures)} reference pictures and "
    say(f"no model for {names} yet: learning one from {given}the gallery's own tags")
    async with reporting(quiet=request.quiet) as report:
        models = await round_.learn(first_step(request.workspace.settings.round_zero), report)
    for model in models:
        await request.archive.register_model(
            (await package_of(model)).card(number_of(model)), model.facts, activate=True
        )
        for line in model.report.splitlines():
            say(line)
    say(f"learned {names} in {time.monotonic() - started:.0f} s")
    found = {target.name: await request.archive.active_model(target.name) for target in round_.targets}
    return {name: model for name, model in found.items() if model is not None}


def first_step(round_zero: RoundZero) -> TrainingStep:
    """What is learned before the crawl begins."""
    return TrainingStep.FIRST if trains_beside(round_zero) else TrainingStep.NETWORK


async def package_of(model: NewModel) -> Package:
    """A new model's files, checked."""
    return await asyncio.to_thread(load_package, model.folder, expected_hash=model.hash)


def number_of(model: NewModel) -> int:
    """The number that a new model has, or is to have, in the registry."""
    return int(model.folder.name)


def _settings(request: ModelRequest, missing: Sequence[Target]) -> RoundSettings:
    round_zero = request.workspace.settings.round_zero
    network = resolved(round_zero.network)
    return RoundSettings(
        size=SampleSize(total=round_zero.renditions),
        backbone=network,
        first_backbone=PRETRAINED,
        preprocessing=preprocessing_for(network),
        weights=Path(round_zero.weights) if round_zero.weights else None,
        may_download=round_zero.download_weights,
        goals=dict.fromkeys((target.name for target in missing), crawl_goal(request.goal, request.workspace.settings)),
        time_budget_s=round_zero.minutes * 60,
        seed=round_zero.seed,
        in_flight=request.workspace.settings.scoring.in_flight,
        command=request.learning or COMMAND,
    )


async def _folder(request: ModelRequest, target: Target) -> Path:
    """Where the new package goes: the first number that neither the registry nor the disk has."""
    models = models_folder(request.workspace.root)
    return model_folder(models, await free_name(request.archive, models, target.name))


# --- pictures ------------------------------------------------------------------------------------------------------


class _Picture(bytes):
    """A rendition's bytes that know where they come from, so that they can be kept once they have been decoded."""

    post: Post
    rendition: Rendition


@dataclass(slots=True)
class _RenditionSource:
    """Brings renditions from the archive or the site, decodes them, and keeps what was whole for the crawl to come."""

    fetcher: Fetcher
    archive: CommandArchive
    decoders: Decoders
    score_on: str

    async def picture(self, post: Post) -> bytes | None:
        """The rendition that the crawl would look at."""
        known = (await self.archive.known([post], [])).get(post.id)
        if known is not None and known.rendition is not None:
            stored = await self.archive.read_rendition(known.rendition)
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
            await self.archive.file_look(sighting)
        return decoded
