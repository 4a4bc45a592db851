"""Which model judges: the target's active one, or one that is learned now from the gallery's own tags."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from commands.context.registered_models import card_for, judge_settings, verified
from commands.context.tagger_choice import tagger_line, tagger_settings
from commands.crawling.model_request import ModelRequest
from commands.crawling.model_sources import ModelSources
from commands.engine.choice import judge_maker
from commands.errors import UsageRefused
from commands.terminal.console import say
from crawler.judge import Judge
from crawler.switching_judge import SwitchingJudge
from storage.archive_records import RegisteredModel
from storage.records import Target

if TYPE_CHECKING:
    from commands.crawling.first_model import FirstRound


@asynccontextmanager
async def learned_judge(request: ModelRequest, sources: ModelSources | None = None) -> AsyncIterator[Judge]:
    """A judge with an active model for every target; targets without one are learned first, saying so.

    Args:
        request: of the run.
        sources: where models come from; None: our own.

    Raises:
        ModelError: a package is missing or altered, or the device fails.
        RoundError: there is too little to learn from.
    """
    request.goal.check()
    scoring, tagger = request.workspace.settings.scoring, tagger_settings(request.workspace.settings, request.targets)
    settings = judge_settings(scoring, tagger, small_first=bool(scoring.first_rendition) and tagger is None)
    async with AsyncExitStack() as stack:
        if sources is None:
            sources = ModelSources(await judge_maker(stack, request.workspace.settings, None if request.quiet else say))
        models = await models_in_force(request)
        if request.references is not None:
            models |= await sources.from_references(request, request.references)
        round_ = await _round_zero(stack, request, models, sources)
        packages = {name: verified(request.workspace, model) for name, model in models.items()}
        cards = {name: card_for(models[name].card, package, request.goal) for name, package in packages.items()}
        first = sources.judge(cards, {name: package.folder for name, package in packages.items()}, settings)
        judge = await stack.enter_async_context(SwitchingJudge(first))
        if not request.quiet:
            for card in judge.models.values():
                say(f"model {card.name}: keeps from {card.threshold:.3f} up, scoring on {judge.stats().device}")
            if first.tagger is not None:
                say(tagger_line(first.tagger, request.targets))
        if round_ is not None and request.takeover is not None:
            stack.push_async_callback(request.takeover.cancel)
            sources.train_beside(round_, judge, request, settings)
        yield judge


async def _round_zero(
    stack: AsyncExitStack, request: ModelRequest, models: dict[str, RegisteredModel], sources: ModelSources
) -> FirstRound | None:
    """Learn the models that are missing, into `models`; gives the round that may go on beside the crawl.

    A target without a model gets a head on another target's network, or round 0. Where none is missing, the round is
    that of targets whose network an earlier run did not come to train.
    """
    missing = [target for target in request.targets if target.name not in models]
    if missing:
        _check_not_dry(request, missing)
        models |= await sources.second_heads(request, missing)
    left = [target for target in missing if target.name not in models]
    targets = left or await _awaiting_network(request)
    if not targets:
        return None
    from commands.crawling.references import references_for_round

    given = None if len(targets) > 1 else await references_for_round(request, models.get(targets[0].name))
    round_ = await stack.enter_async_context(sources.first_round(request, targets, given))
    if left:
        models |= await sources.learn_first(round_)
    return round_


def _check_not_dry(request: ModelRequest, missing: Sequence[Target]) -> None:
    if request.dry_run:
        names = ", ".join(target.name for target in missing)
        raise UsageRefused(
            f"no model for {names} yet: the real run would first learn one from the tags of {request.tag}; "
            "a dry run writes nothing, so it ends here"
        )


async def _awaiting_network(request: ModelRequest) -> Sequence[Target]:
    if request.takeover is None:
        return ()
    registered = {target.name: await request.archive.models(target.name) for target in request.targets}
    if not any("step" in model.facts for models in registered.values() for model in models):
        return ()
    from commands.crawling.network_beside import awaiting_network

    awaiting = awaiting_network(request.targets, registered)
    if len(awaiting) == 1:
        return awaiting
    return [target for target in awaiting if not any("references" in one.facts for one in registered[target.name])]


async def models_in_force(request: ModelRequest) -> dict[str, RegisteredModel]:
    """The model of each target that has one; one that was imported and is a target's only one comes into force now.

    Raises:
        UsageRefused: several were imported for a target, and none was ever put in force.
        PackageError: the imported one's files are missing, cut or altered.
    """
    found = {
        target.name: await request.archive.active_model(target.name) or await _imported(request, target)
        for target in request.targets
    }
    return {name: model for name, model in found.items() if model is not None}


async def _imported(request: ModelRequest, target: Target) -> RegisteredModel | None:
    there = await request.archive.models(target.name)
    if not there:
        return None
    names = ", ".join(model.card.name for model in there)
    if len(there) > 1:
        raise UsageRefused(
            f"{names} are registered for {target.name}, but none of them is in force; choose one: "
            f"crawl models activate {there[-1].card.name}"
        )
    verified(request.workspace, there[0])
    say(f"{names} was imported for {target.name} and is put in force now, so nothing has to be learned first")
    return await request.archive.activate_model(target.name, there[0].card.number)
