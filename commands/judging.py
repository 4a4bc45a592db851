"""Which model judges: the target's active one, or one that is learned now from the gallery's own tags."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from commands.console import say
from commands.places import Place
from commands.planning import UsageRefused
from commands.settings import Scoring
from commands.shelves import CommandShelf
from commands.sites import Connected
from commands.taggers import tagger_line, tagger_settings
from crawler.judge import Judge
from storage.filing import RegisteredModel
from storage.paths import model_folder, models_folder
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings
    from classifier.package import Package
    from classifier.taggers.client import TaggerSettings
    from classifier.thresholds import Chosen


@dataclass(frozen=True, slots=True)
class GoalWish:
    """Where the user wants the threshold: at most one of the three."""

    threshold: float | None = None
    precision: float | None = None
    recall: float | None = None

    def check(self) -> None:
        """Refuse two goals at once, and goals that nothing can meet."""
        given = [name for name in ("threshold", "precision", "recall") if getattr(self, name) is not None]
        if len(given) > 1:
            raise UsageRefused(f"give one of {', '.join('--' + name for name in given)}, not several")


@dataclass(frozen=True, slots=True)
class JudgeWish:
    """What a judge is needed for."""

    place: Place
    goal: GoalWish
    tag: str
    targets: tuple[Target, ...]
    connected: Connected
    shelf: CommandShelf
    dry_run: bool
    quiet: bool


@asynccontextmanager
async def learned_judge(wish: JudgeWish) -> AsyncIterator[Judge]:
    """A judge with an active model for every target; targets without one are learned first, saying so.

    Raises:
        ModelError: a package is missing or altered, or the device fails.
        RoundError: there is too little to learn from.
    """
    from classifier.judge import NetworkJudge

    wish.goal.check()
    settings = judge_settings(wish.place.settings.scoring, tagger_settings(wish.place.settings, wish.targets))
    models = await models_in_force(wish)
    missing = [target for target in wish.targets if target.name not in models]
    if missing:
        models |= await _learn(wish, missing)
    packages = {name: verified(wish.place, model) for name, model in models.items()}
    cards = {name: _card(models[name], package, wish.goal) for name, package in packages.items()}
    folders = {name: package.folder for name, package in packages.items()}
    async with NetworkJudge(cards, folders, settings) as judge:
        if not wish.quiet:
            for card in cards.values():
                say(f"model {card.name}: keeps from {card.threshold:.3f} up, scoring on {judge.stats().device}")
            if judge.tagger is not None:
                say(tagger_line(judge.tagger, wish.targets))
        yield judge


def judge_settings(scoring: Scoring, tagger: TaggerSettings | None = None) -> JudgeSettings:
    """How a judge works by these settings, with the user's own tagger beside it where there is one."""
    from classifier.batching import ScorerSettings
    from classifier.decoder_pool import DecoderSettings
    from classifier.judge import JudgeSettings
    from classifier.runtime import RuntimeSettings

    decoders = DecoderSettings(processes=scoring.decoders) if scoring.decoders else DecoderSettings()
    runtime = RuntimeSettings(device=scoring.device, runtime=scoring.runtime)
    return JudgeSettings(
        decoders=decoders,
        scorer=ScorerSettings(runtime=runtime, batch_size=scoring.batch),
        in_flight=max(scoring.in_flight, scoring.batch),
        tagger=tagger,
    )


def verified(place: Place, model: RegisteredModel) -> Package:
    """The registered package, when its files are what was registered.

    Raises:
        PackageError: missing, cut or altered; names the file.
    """
    from classifier.package import load_package

    return load_package(package_folder(place, model.card), expected_hash=model.card.hash)


def package_folder(place: Place, card: ModelCard) -> Path:
    """Where a registered model's files are."""
    return model_folder(models_folder(place.root), card.named)


async def check_known_models(place: Place, shelf: CommandShelf, names: Sequence[str]) -> None:
    """Verify the models of targets that the gallery knows by these names, before anything is asked of a site.

    Raises:
        PackageError: a model's files are missing, cut or altered.
    """
    for name in names:
        model = await shelf.active_model(name)
        if model is not None:
            verified(place, model)


async def models_in_force(wish: JudgeWish) -> dict[str, RegisteredModel]:
    """The model of each target that has one; one that was imported and is a target's only one comes into force now.

    Raises:
        UsageRefused: several were imported for a target, and none was ever put in force.
        PackageError: the imported one's files are missing, cut or altered.
    """
    found = {
        target.name: await wish.shelf.active_model(target.name) or await _imported(wish, target)
        for target in wish.targets
    }
    return {name: model for name, model in found.items() if model is not None}


async def _imported(wish: JudgeWish, target: Target) -> RegisteredModel | None:
    there = await wish.shelf.models(target.name)
    if not there:
        return None
    names = ", ".join(model.card.name for model in there)
    if len(there) > 1:
        raise UsageRefused(
            f"{names} are here for {target.name}, and none of them is in force; choose one: "
            f"crawl models activate {there[-1].card.name}"
        )
    verified(wish.place, there[0])
    say(f"{names} was imported for {target.name} and is put in force now, so nothing has to be learned first")
    return await wish.shelf.activate_model(target.name, there[0].card.number)


async def _learn(wish: JudgeWish, missing: Sequence[Target]) -> Mapping[str, RegisteredModel]:
    """A model for each target that has none: a head on another target's network, or round 0."""
    names = ", ".join(target.name for target in missing)
    if wish.dry_run:
        raise UsageRefused(
            f"no model for {names} yet: the real run would first learn one from the tags of {wish.tag}; "
            "a dry run writes nothing, so it ends here"
        )
    from commands.learning import learn
    from commands.second_target import second_heads

    found = dict(await second_heads(wish, missing))
    left = [target for target in missing if target.name not in found]
    return found | dict(await learn(wish, left)) if left else found


def _card(model: RegisteredModel, package: Package, goal: GoalWish) -> ModelCard:
    chosen = chosen_for(package, goal)
    if chosen is None:
        threshold = package.threshold
    else:
        threshold = chosen.threshold
        expected = f"expecting precision {chosen.precision:.3f} and recall {chosen.recall:.3f} on untagged posts"
        say(
            f"{model.card.name}: threshold {threshold:.3f}, "
            + (expected if math.isfinite(chosen.recall) else "no precision-recall curve is stored, so no forecast")
            + ("" if chosen.reached else " (the goal itself is out of reach for this model)")
        )
    return replace(model.card, threshold=threshold)


def chosen_for(package: Package, goal: GoalWish) -> Chosen | None:
    """What to expect of the threshold that a goal asks for; None without a goal: the model's own holds."""
    if goal == GoalWish():
        return None
    if package.curve is None:
        if goal.threshold is None:
            raise UsageRefused(f"{package.folder.name} keeps no curve to choose from; give --threshold instead")
        from classifier.thresholds import Chosen

        return Chosen(goal.threshold, math.nan, math.nan, reached=True)
    if goal.threshold is not None:
        return package.curve.at(goal.threshold)
    if goal.precision is not None:
        return package.curve.for_precision(goal.precision)
    return package.curve.for_recall(goal.recall or 0.0)
