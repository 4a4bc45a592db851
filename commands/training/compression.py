"""`crawl models compress`: a model made smaller or faster, in force where it is no worse than what it was made of."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from commands.context.gallery import hold_gallery
from commands.context.registered_models import verified
from commands.context.train_options import TrainOptions, goal_of
from commands.context.workspace import Workspace
from commands.crawling.references import references_again
from commands.crawling.second_target import head_settings
from commands.engine.choice import check_engine, check_room
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import model_words
from commands.output.refusals import refusal_words, refused_code
from commands.terminal.console import print_json, say
from commands.terminal.stage_progress import reporting
from commands.training.embedding_refresh import look_at_all_again
from commands.training.followers import let_follow
from commands.training.missing_hashes import hashed
from commands.training.outcome import followed_words
from commands.training.round_runner import run_round
from storage.archive import open_reader
from storage.files.paths import models_folder, target_models
from storage.reader import Reader
from storage.records import Target

if TYPE_CHECKING:
    from classifier.package.package import Package
    from classifier.progress import ProgressCallback
    from rounds.compression_round import CompressionPlan
    from rounds.head_round import Candidate, HeadRoundSettings, RoundOutcome, Snapshot
    from storage.archive_records import RegisteredModel

_PARENT = "the model that it was made of"
_ANYWAY = "crawl models activate {} puts it in force all the same"


@dataclass(frozen=True, slots=True)
class CompressOptions:
    """The options of `crawl models compress`."""

    name: str  # `mona/3`; `mona`: the one in force
    how: str  # a key of `classifier.compression.settings.WAYS`
    words: tuple[str, ...] = ()  # KEY=VALUE
    as_json: bool = False


def compress(options: CompressOptions, workspace: Workspace) -> int:
    """Compress a model; gives the exit code.

    Raises:
        RecipeSettingError: no such setting or value.
        UnknownModel, UsageRefused: no such model, or none that can be compressed in this way.
    """
    from classifier.compression.settings import INT8, settings_of

    settings_of(options.how, options.words)
    if options.how == INT8:
        _check_library()
    check_engine(workspace.settings)
    with read_gallery(workspace) as reader:
        target, _ = _subject(reader, options)
    return run_round(_run(options, workspace), workspace, target.name)


def _check_library() -> None:
    """Refuse before anything is read what cannot be made.

    Raises:
        UsageRefused: a package is missing; says which.
    """
    from classifier.compression.quantization import check_library
    from classifier.errors import DeviceError

    try:
        check_library()
    except DeviceError as error:
        raise UsageRefused(str(error)) from None


_Subject: TypeAlias = "tuple[Target, RegisteredModel]"


def _subject(reader: Reader, options: CompressOptions) -> _Subject:
    """The model that is to be compressed, and its target."""
    from rounds.models import named_model

    model = named_model(reader.models(), model_words(reader, options.name))
    if model.recognises_classes:
        raise UsageRefused(
            f"{model.card.name} is a recogniser of many classes, and only models of one target are compressed; "
            f"crawl train {model.card.target} --from DIR --classes --network small makes a small recogniser"
        )
    target = next((one for one in reader.targets() if one.name == model.card.target), None)
    if target is None:
        raise UsageRefused(_no_pictures(model))
    return target, model


def _no_pictures(model: RegisteredModel) -> str:
    return (
        f"the gallery has no stored picture that {model.card.name}'s network has looked at, and a model is compressed "
        f"on those; crawl --tag TAG --keep {model.card.target} looks at some"
    )


async def _run(options: CompressOptions, workspace: Workspace) -> int:
    started = time.monotonic()
    await check_room(workspace.settings)
    settings = head_settings(goal_of(TrainOptions(None), workspace.settings), workspace)
    async with reporting(quiet=options.as_json) as report:
        with read_gallery(workspace) as reader:
            target, model = _subject(reader, options)
            package = verified(workspace, model)
            plan = _plan(options, workspace, model, package)
            _say_who_shares(reader, model)
            report("reading", 0.0, "labels, tags and embeddings")
            snapshot = await asyncio.to_thread(_snapshot, reader, target, model, package)
            snapshot = await hashed(snapshot, reader, report)
        outcome, others = await _compressed(_Task(workspace, settings, report), snapshot, plan)
    return _report(options, outcome, others, time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Task:
    """What the steps share."""

    workspace: Workspace
    settings: HeadRoundSettings
    report: ProgressCallback


def _say_who_shares(reader: Reader, model: RegisteredModel) -> None:
    from rounds.target_state import targets_on

    others = sorted(set(targets_on(reader, model.card.backbone_hash)) - {model.card.target})
    if others and model.active:
        say(f"{model.card.name} shares its network with {', '.join(others)}: each follows where it gets no worse by it")


def _snapshot(reader: Reader, target: Target, model: RegisteredModel, package: Package) -> Snapshot:
    """What the gallery knows, as the model's network has seen it.

    Raises:
        UsageRefused: that network has looked at nothing.
    """
    from rounds.snapshots import referring_to, snapshot_of

    if not reader.has_evidence(target, package.backbone_hash):
        raise UsageRefused(_no_pictures(model))
    return referring_to(reader, snapshot_of(reader, target, package, model), package.references)


def _plan(options: CompressOptions, workspace: Workspace, model: RegisteredModel, package: Package) -> CompressionPlan:
    from classifier.backbones.catalogue import backbone_named
    from classifier.compression.settings import DistilSettings, TrainedSettings, settings_of
    from classifier.pictures.preprocessing import Preprocessing
    from rounds.compression_round import CompressionPlan

    settings = settings_of(options.how, options.words)
    if package.light_only and not isinstance(settings, DistilSettings):
        raise UsageRefused(
            f"{model.card.name} is an int8 model: only --how distil goes on from there; compress "
            f"{model.parent or _PARENT} instead"
        )
    preprocessing, backbone, weights = package.preprocessing, package.backbone_name, None
    round_zero = workspace.settings.round_zero
    if isinstance(settings, DistilSettings):
        backbone = settings.network
        preprocessing = Preprocessing(settings.size or backbone_named(backbone).size)
        weights = round_zero.weights if round_zero.network == backbone else None
    return CompressionPlan(
        how=options.how,
        words=options.words,
        settings=settings,
        backbone=backbone,
        preprocessing=preprocessing,
        parent=model.card.name,
        parent_in_force=model.active,
        weights=Path(weights) if weights else None,
        may_download=round_zero.download_weights,
        in_flight=workspace.settings.scoring.in_flight,
        time_budget_s=settings.minutes * 60 if isinstance(settings, TrainedSettings) else 0.0,
    )


async def _compressed(task: _Task, snapshot: Snapshot, plan: CompressionPlan) -> _Ended:
    from classifier.pictures.decoder_pool import Decoders
    from rounds.compression_round import compressed
    from rounds.head_round import learn_candidate
    from rounds.network_round import TrainingPictures
    from storage.gallery_view import Renditions

    root = task.workspace.root
    task.report("learning", 0.0, "who is held out, and which tags are believed")
    candidate = await asyncio.to_thread(learn_candidate, snapshot, task.settings)
    models = target_models(models_folder(root), snapshot.target.name)
    with open_reader(root) as reader, closing(Renditions(reader)) as renditions:
        async with Decoders([plan.preprocessing]) as decoder:
            pictures = TrainingPictures(renditions.read, {}, decoder, await references_again(snapshot, decoder))
            async with compressed(candidate, pictures, models, plan, task.settings, task.report) as made:
                return await _finish(task, made, snapshot.package.backbone_hash)


_Ended: TypeAlias = "tuple[RoundOutcome, list[RoundOutcome]]"  # the target's, and those of the ones that followed


async def _finish(task: _Task, made: Candidate, left: str) -> _Ended:
    """Register it under the gallery's lock; where it comes into force, look at every stored picture again.

    Args:
        task: what the steps share.
        made: the compressed model.
        left: hash of the network that it leaves; other targets on it follow.
    """
    from rounds.head_round import finish

    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, task.workspace, "crawl models compress", wait_s=_WAIT_S)
        outcome = await finish(made, archive, models_folder(task.workspace.root), task.settings, report=task.report)
        if not outcome.activated:
            return outcome, []
        looked = await look_at_all_again(archive, task.workspace, made.snapshot.target, outcome.card, task.report)
        others = await let_follow(archive, task.workspace, outcome.card, left, task.settings, task.report)
        return replace(outcome, rescored=looked), others


_WAIT_S = 600.0  # for the gallery's lock, once the model is made


def _report(options: CompressOptions, outcome: RoundOutcome, others: list[RoundOutcome], seconds: float) -> int:
    code = refused_code([outcome.card] if outcome.activated else [])
    compression: dict[str, Any] = dict(outcome.metrics["compression"])
    say(_done_words(compression["facts"]))
    for line in outcome.report.splitlines():
        say(line)
    say(_verdict(outcome, compression, seconds))
    for other in others:
        say(followed_words(other))
    if options.as_json:
        print_json(
            {
                "model": outcome.card.name,
                "activated": outcome.activated,
                "threshold": outcome.card.threshold,
                "network": outcome.network,
                "refusal": outcome.card.refusal,
                "compression": compression,
                "rescored": outcome.rescored.posts if outcome.rescored else 0,
                "followed": [{"model": other.card.name, "activated": other.activated} for other in others],
                "seconds": round(seconds, 2),
                "exit": int(code),
            }
        )
    return int(code)


def _done_words(facts: dict[str, Any]) -> str:
    return str(facts["words"])


def _verdict(outcome: RoundOutcome, compression: dict[str, Any], seconds: float) -> str:
    name, anyway = outcome.card.name, _ANYWAY.format(outcome.card.name)
    if outcome.activated:
        looked = f"{outcome.rescored.posts} pictures looked at again; " if outcome.rescored else ""
        refused = f"{refusal_words(outcome.card)}; " if outcome.card.refusal else ""
        return f"{refused}{name} is in force: {looked}{seconds:.1f} s; crawl models rollback takes it back"
    why = (
        compression["refusal"]
        or outcome.card.refusal.split(";")[0]
        or (outcome.compared.words() if outcome.compared else "it is worse")
    )
    return f"{name} is kept and not in force: {why}; {anyway}"
