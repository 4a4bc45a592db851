"""Models that a gallery has registered: their packages verified, and the threshold that a run uses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.context.settings import Scoring
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.terminal.console import say
from storage.archive_records import RegisteredModel
from storage.files.paths import model_folder, models_folder
from storage.records import ModelCard

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings
    from classifier.metrics.thresholds import Chosen
    from classifier.package.package import Package
    from classifier.pictures.class_folders import ClassPicture
    from classifier.progress import ProgressCallback
    from classifier.recognition.package import RecogniserPackage
    from classifier.taggers.client import TaggerSettings
    from classifier.workers.standby import Standby
    from commands.context.archive_protocol import CommandArchive
    from rounds.evaluation.recogniser_folder import ScoredPictures


def judge_settings(
    scoring: Scoring,
    tagger: TaggerSettings | None = None,
    *,
    standby: Standby | None = None,
    small_first: bool = False,
) -> JudgeSettings:
    """How a judge works by these settings, with the user's own tagger beside it where there is one.

    Args:
        scoring: the settings.
        tagger: the user's own.
        standby: where processes may wait already.
        small_first: whether most pictures are small renditions, for which half as many decoders are enough.
    """
    from classifier.inference.batcher import ScorerSettings
    from classifier.inference.runtime import RuntimeSettings
    from classifier.judge import JudgeSettings
    from classifier.pictures.decoder_pool import DecoderSettings

    usual = DecoderSettings()
    processes = scoring.decoders or (max(1, usual.processes // 2) if small_first else usual.processes)
    decoders = replace(usual, processes=processes)
    runtime = RuntimeSettings(device=scoring.device, runtime=scoring.runtime)
    return JudgeSettings(
        decoders=decoders,
        scorer=ScorerSettings(runtime=runtime, batch_size=scoring.batch),
        in_flight=max(scoring.in_flight, scoring.batch),
        tagger=tagger,
        standby=standby,
    )


def verified(workspace: Workspace, model: RegisteredModel) -> Package:
    """The registered package, when its files are what was registered.

    Raises:
        PackageError: missing, cut or altered; names the file.
    """
    from classifier.package.package import load_package

    return load_package(package_folder(workspace, model.card), expected_hash=model.card.hash)


def verified_either(workspace: Workspace, model: RegisteredModel) -> Package | RecogniserPackage:
    """The registered package of whichever kind, when its files are what was registered.

    Raises:
        PackageError: missing, cut or altered; names the file.
    """
    from classifier.recognition.package import load_either

    return load_either(package_folder(workspace, model.card), expected_hash=model.card.hash)


def verified_recogniser(workspace: Workspace, model: RegisteredModel) -> RecogniserPackage:
    """The registered recogniser, when its files are what was registered.

    Raises:
        WrongKind: it is a target's model.
        PackageError: missing, cut or altered; names the file.
    """
    from classifier.recognition.package import load_recogniser

    return load_recogniser(package_folder(workspace, model.card), expected_hash=model.card.hash)


async def recogniser_scores(
    package: RecogniserPackage, pictures: Sequence[ClassPicture], workspace: Workspace, report: ProgressCallback
) -> ScoredPictures:
    """Look at pictures as a crawl would: the same decoders, preprocessing and runtime."""
    from classifier.inference.batcher import PackagePin, Scorer
    from classifier.pictures.decoder_pool import Decoders
    from rounds.evaluation.folder import PicturePipeline
    from rounds.evaluation.recogniser_folder import scored_pictures

    settings = judge_settings(workspace.settings.scoring)
    pins = {str(package.name): PackagePin(package.folder, package.hash)}
    async with (
        Decoders([package.preprocessing], settings.decoders) as decoders,
        Scorer(pins, settings.scorer) as scorer,
    ):
        pipeline = PicturePipeline(decoders, lambda pixels: scorer.embed(0, pixels), settings.in_flight)
        return await scored_pictures(package, pictures, pipeline, report)


def package_folder(workspace: Workspace, card: ModelCard) -> Path:
    """Where a registered model's files are."""
    return model_folder(models_folder(workspace.root), card.named)


async def check_known_models(workspace: Workspace, archive: CommandArchive, names: Sequence[str]) -> None:
    """Verify the models of targets that the gallery knows by these names, before anything is asked of a site.

    Raises:
        PackageError: a model's files are missing, cut or altered.
    """
    for name in names:
        model = await archive.active_model(name)
        if model is not None:
            verified(workspace, model)


def card_for(card: ModelCard, package: Package, goal: ThresholdGoal) -> ModelCard:
    """A model as this run uses it: with the threshold that the goal asks for, which is printed."""
    chosen = chosen_for(package, goal)
    if chosen is None:
        return replace(card, threshold=package.threshold)
    expected = f"expecting precision {chosen.precision:.3f} and recall {chosen.recall:.3f} on untagged posts"
    say(
        f"{card.name}: threshold {chosen.threshold:.3f}, "
        + (expected if math.isfinite(chosen.recall) else "no precision-recall curve is stored, so no forecast")
        + ("" if chosen.reached else " (the goal itself is out of reach for this model)")
    )
    return replace(card, threshold=chosen.threshold)


def chosen_for(package: Package, goal: ThresholdGoal) -> Chosen | None:
    """What to expect of the threshold that a goal asks for; None without a goal: the model's own holds."""
    if goal == ThresholdGoal():
        return None
    from classifier.metrics.thresholds import Chosen, Goal

    if package.curve is None:
        if goal.threshold is None:
            raise UsageRefused(
                f"{package.folder.name} stores no precision-recall curve to choose a threshold from; "
                "give --threshold instead"
            )
        return Chosen(goal.threshold, math.nan, math.nan, reached=True)
    if goal.threshold is not None:  # 0 and 1 are no goals to learn for, but a person may want them
        return package.curve.at(goal.threshold)
    return package.curve.chosen(Goal(goal.precision, goal.recall))
