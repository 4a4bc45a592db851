"""`crawl train NAME --references DIR`: a head from a person's few pictures of the target and the gallery's embeddings.

Only these few are decoded; the negatives are the pictures that some network in force has looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from classifier.errors import ClassFolderError
from classifier.progress import ProgressCallback, unreported
from commands.context.registered_models import verified
from commands.context.train_options import TrainOptions, crawl_goal
from commands.context.workspace import Workspace
from commands.crawling.model_request import ModelRequest
from commands.crawling.round_steps import RoundSteps
from commands.crawling.second_target import finished, finished_in_crawl, head_settings
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import named_in_tags
from commands.terminal.console import say
from commands.terminal.stage_progress import reporting
from storage.reader import Reader
from storage.records import Target

if TYPE_CHECKING:
    from classifier.package.package import Package
    from classifier.package.references import References
    from classifier.pictures.preprocessing import Preprocessing
    from classifier.references.folder import ReferenceFolder
    from rounds.examples.decoders import HashingDecoder
    from rounds.examples.references import ReferencePixels
    from rounds.head_round import HeadRoundSettings, RoundOutcome, Snapshot
    from storage.archive_records import RegisteredModel


OpenDecoders: TypeAlias = "Callable[[Sequence[Preprocessing]], AbstractAsyncContextManager[HashingDecoder]]"


class NoNetwork(UsageRefused):
    """No network in force has looked at the gallery: crawl first."""


@dataclass(frozen=True, slots=True)
class Referred:
    """Whom the references show, and the network that looks at them."""

    target: Target
    known: bool  # to the gallery: a crawl, a round or a label named it
    active: RegisteredModel | None  # its model in force
    package: Package  # of that model, else of another target's
    words: str  # whose network it is, for people


def referred(reader: Reader, workspace: Workspace, named: str) -> Referred:
    """Who is meant, and by which network the references can be looked at.

    Args:
        reader: of the gallery.
        workspace: the gallery's root and settings.
        named: as typed; what neither targets nor tags are called like is a target of its own.

    Raises:
        UsageRefused: the name may be misspelt, or no network has looked at the gallery yet.
    """
    from rounds.second_target import shared_network

    known = reader.find_target(named)
    target = known or named_in_tags(reader, named, new=True)
    active = reader.active_model(target.name)
    if active is not None and reader.has_evidence(target, active.card.backbone_hash):
        return Referred(target, known is not None, active, verified(workspace, active), f"{active.card.name}'s network")
    network = shared_network(reader, target.name)
    if network is None:
        raise NoNetwork(
            f"no network has looked at a picture of this gallery yet, so there is nothing to tell {target.name} apart "
            f"from; crawl --tag TAG --keep NAME looks first, whoever NAME is"
        )
    return Referred(target, known is not None, None, verified(workspace, network.model), network.words())


async def seen_references(
    folder: Path, package: Package, steps: RoundSteps, report: ProgressCallback, *, quiet: bool
) -> References:
    """A folder's pictures as a package's network sees them; names what is left out.

    Raises:
        ClassFolderError: it is no folder, or has too few usable pictures.
    """
    from classifier.pictures.decoder_pool import Decoders
    from classifier.references.folder import reference_pictures
    from rounds.examples.references import decoded_references

    found = await asyncio.to_thread(reference_pictures, folder)
    async with Decoders([package.preprocessing]) as decoder:
        pixels = await decoded_references(found, decoder, report)
    if not quiet:
        for line in _lines(found, pixels):
            say(line)
    report("looking", 0.0, f"{len(pixels.md5s)} reference pictures")
    return await asyncio.to_thread(steps.look, pixels, package)


async def train_from_references(
    options: TrainOptions,
    folder: Path,
    workspace: Workspace,
    settings: HeadRoundSettings,
    report: ProgressCallback,
    steps: RoundSteps | None = None,
) -> RoundOutcome:
    """Learn the head, compare it with the model in force, and decide every post that the network has looked at.

    Args:
        options: whom the references show.
        folder: the references.
        workspace: the gallery's root and settings.
        settings: how the head is learned.
        report: progress.
        steps: how pictures are looked at and a head is learned; None: our own.

    Raises:
        ClassFolderError, UsageRefused, TooLittleToLearn: what was given cannot be learned from; says why.
    """
    if options.target is None:
        raise UsageRefused("name the target that the references show: crawl train NAME --references DIR")
    with read_gallery(workspace) as reader:
        who = await asyncio.to_thread(referred, reader, workspace, options.target)
        if not options.quiet:
            say(f"learning {who.target.name} from references, a head on {who.words}")
        steps = steps or RoundSteps()
        references = await seen_references(folder, who.package, steps, report, quiet=options.quiet)
        snapshot = await asyncio.to_thread(_snapshot, reader, who, references, folder, report)
        candidate = await asyncio.to_thread(steps.learn, snapshot, settings)
    return await finished(candidate, options, workspace, settings, report, new=not who.known)


async def head_from_references(
    request: ModelRequest, folder: Path, steps: RoundSteps | None = None
) -> Mapping[str, RegisteredModel]:
    """The model of a crawl's one target, in force: learned from references unless it has learned from these already.

    Args:
        request: of the crawl.
        folder: the references.
        steps: how pictures are looked at and a head is learned; None: our own.

    Returns:
        nothing where no network has looked at the gallery yet: then round 0 learns from them and the site's tags.

    Raises:
        ClassFolderError, UsageRefused, TooLittleToLearn: what was given cannot be learned from; says why.
    """
    (target,) = request.targets
    settings = head_settings(
        crawl_goal(request.goal, request.workspace.settings), request.workspace, decide_again=False
    )
    with read_gallery(request.workspace) as reader:
        active = reader.active_model(target.name)
        if active is not None and await _has_learned_from(folder, verified(request.workspace, active)):
            say(f"{active.card.name} has learned from these references already")
            return {target.name: active}
        try:
            who = await asyncio.to_thread(referred, reader, request.workspace, target.name)
        except NoNetwork:
            if active is not None:
                say(f"the model of {target.name} has looked at no picture of this gallery yet; the references take "
                    f"part after this crawl: crawl train {target.name} --references DIR")  # fmt: skip
            return {}
        if request.dry_run:
            raise UsageRefused(
                "a dry run writes nothing, so it cannot learn from references; leave out --dry-run or --references"
            )
        async with reporting(quiet=request.quiet) as report:
            steps = steps or RoundSteps()
            references = await seen_references(folder, who.package, steps, report, quiet=request.quiet)
            snapshot = await asyncio.to_thread(_snapshot, reader, who, references, folder, report)
            candidate = await asyncio.to_thread(steps.learn, snapshot, settings)
    model = await finished_in_crawl(candidate, request, settings)
    return {} if model is None else {target.name: model}


async def references_for_round(request: ModelRequest, first: RegisteredModel | None) -> ReferenceFolder | None:
    """The references that round 0 of a crawl's one target learns from; None: there are none.

    Args:
        request: of the crawl.
        first: the target's first model, whose network is still to be trained: what it learned from, as far as it is
            there; None: it has none yet, so what the user gives.

    Raises:
        ClassFolderError: what is given is no folder, or has too few usable pictures.
    """
    from classifier.references.folder import reference_pictures

    if first is None:
        if request.references is None:
            return None
        found = await asyncio.to_thread(reference_pictures, request.references)
        if not request.quiet:
            for line in found.lines():
                say(line)
        return found
    known = verified(request.workspace, first).references
    if known is None:
        return None
    try:
        return await asyncio.to_thread(_still_there, str(first.facts.get("references", "")), known)
    except ClassFolderError as error:
        say(_without(first.card.target, error))
        return None


def check_references(folder: Path | None) -> None:
    """Refuse a folder of references, before anything is asked of a site.

    Raises:
        ClassFolderError: it is no folder, or has too few usable pictures.
    """
    if folder is not None:
        from classifier.references.folder import reference_pictures

        reference_pictures(folder)


async def references_again(snapshot: Snapshot, decoder: HashingDecoder) -> ReferencePixels | None:
    """The references of a model once more, for another network; None where there are none, or they are not there.

    Args:
        snapshot: of a round; its references are looked for in their folder, by their MD5.
        decoder: for the other network's preprocessing.
    """
    if snapshot.references is None:
        return None
    try:
        return await _decoded_again(snapshot.reference_folder, snapshot.references, decoder)
    except ClassFolderError as error:
        say(_without(snapshot.target.name, error))
        return None


async def references_seen_by(
    package: Package,
    model: RegisteredModel,
    before: Package,
    decoders: OpenDecoders | None = None,
    steps: RoundSteps | None = None,
) -> References | None:
    """The references of a target's model as another package's network sees them; None as `references_again`.

    Args:
        package: of the other network.
        model: the target's, in force.
        before: its package.
        decoders: of one preprocessing; None: `classifier.pictures.decoder_pool.Decoders`.
        steps: how pictures are looked at; None: our own.
    """
    from classifier.pictures.decoder_pool import Decoders

    if before.references is None:
        return None
    try:
        async with (decoders or Decoders)([package.preprocessing]) as decoder:
            folder = str(model.facts.get("references", ""))
            pixels = await _decoded_again(folder, before.references, decoder)
    except ClassFolderError as error:
        say(f"{model.card.target} moves to the new network without its references: {error}")
        return None
    return await asyncio.to_thread((steps or RoundSteps()).look, pixels, package)


def _without(target: str, error: ClassFolderError) -> str:
    return f"the references of {target} cannot be looked at again, so a new network learns without them: {error}"


async def _decoded_again(folder: str, known: References, decoder: HashingDecoder) -> ReferencePixels:
    """The known references that still lie in their folder.

    Raises:
        ClassFolderError: too few of them do, or nobody knows the folder: the model came from elsewhere.
    """
    from rounds.examples.references import decoded_references

    found = await asyncio.to_thread(_still_there, folder, known)
    return await decoded_references(found, decoder, unreported)


def _still_there(folder: str, known: References) -> ReferenceFolder:
    """What a folder still has of the known references.

    Raises:
        ClassFolderError: too few of them, or nobody knows the folder: the model came from elsewhere.
    """
    from classifier.references.folder import check_enough_references, reference_pictures

    if not folder:
        raise ClassFolderError("the model was imported, and its pictures were not")
    found = reference_pictures(Path(folder))
    same = [picture for picture in found.pictures if picture.md5 in known.md5s]
    check_enough_references(found.folder, len(same), found.left_out)
    return replace(found, pictures=same)


async def _has_learned_from(folder: Path, package: Package) -> bool:
    """Whether a model's references are the usable pictures of a folder, whatever it has looked at since.

    Raises:
        ClassFolderError: it is no folder, or has too few usable pictures.
    """
    from classifier.pictures.decoder_pool import Decoders
    from classifier.references.folder import reference_pictures
    from rounds.examples.references import decoded_references

    known = set() if package.references is None else set(package.references.md5s)
    found = await asyncio.to_thread(reference_pictures, folder)
    if not known or not known <= {picture.md5 for picture in found.pictures}:
        return False
    async with Decoders([package.preprocessing]) as decoder:
        pixels = await decoded_references(found, decoder, unreported)
    return set(pixels.md5s) == known


def _snapshot(
    reader: Reader, who: Referred, references: References, folder: Path, report: ProgressCallback
) -> Snapshot:
    from rounds.snapshots import referring_to, snapshot_of

    report("reading", 0.0, "labels, tags and embeddings")
    snapshot = snapshot_of(reader, who.target, who.package, who.active)
    snapshot = referring_to(reader, snapshot, references, str(folder.absolute()))
    report("learning", 0.0, f"{len(references)} references, {len(snapshot.evidence)} pictures of the gallery")
    return snapshot


def _lines(found: ReferenceFolder, pixels: ReferencePixels) -> Sequence[str]:
    from classifier.pictures.class_folders import left_out_lines

    return [*found.lines(), *left_out_lines(pixels.left_out)]
