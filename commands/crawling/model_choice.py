"""Which model judges: the target's active one, or one that is learned now from the gallery's own tags."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from commands.context.registered_models import card_for, judge_settings, verified
from commands.context.tagger_choice import tagger_line, tagger_settings
from commands.crawling.model_request import ModelRequest
from commands.errors import UsageRefused
from commands.terminal.console import say
from crawler.judge import Judge
from crawler.switching_judge import SwitchingJudge
from storage.archive_records import RegisteredModel
from storage.records import Target

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings, NetworkJudge
    from commands.crawling.first_model import FirstRound


@asynccontextmanager
async def learned_judge(request: ModelRequest) -> AsyncIterator[Judge]:
    """A judge with an active model for every target; targets without one are learned first, saying so.

    Raises:
        ModelError: a package is missing or altered, or the device fails.
        RoundError: there is too little to learn from.
    """
    request.goal.check()
    settings = judge_settings(
        request.workspace.settings.scoring, tagger_settings(request.workspace.settings, request.targets)
    )
    models = await models_in_force(request)
    if request.references is not None:
        from commands.crawling.references import head_from_references

        models |= await head_from_references(request, request.references)
    async with AsyncExitStack() as stack:
        round_ = await _round_zero(stack, request, models)
        first = network_judge(request, models, settings)
        judge = await stack.enter_async_context(SwitchingJudge(first))
        if not request.quiet:
            for card in judge.models.values():
                say(f"model {card.name}: keeps from {card.threshold:.3f} up, scoring on {judge.stats().device}")
            if first.tagger is not None:
                say(tagger_line(first.tagger, request.targets))
        if round_ is not None and request.takeover is not None:
            from commands.crawling.network_beside import NetworkBeside

            stack.push_async_callback(request.takeover.cancel)
            NetworkBeside(round_, judge, request.takeover, settings).begin()
        yield judge


def network_judge(
    request: ModelRequest, models: Mapping[str, RegisteredModel], settings: JudgeSettings
) -> NetworkJudge:
    """A judge with these models, not open yet, its thresholds for the run's goal."""
    from classifier.judge import NetworkJudge

    packages = {name: verified(request.workspace, model) for name, model in models.items()}
    cards = {name: card_for(models[name].card, package, request.goal) for name, package in packages.items()}
    return NetworkJudge(cards, {name: package.folder for name, package in packages.items()}, settings)


async def _round_zero(
    stack: AsyncExitStack, request: ModelRequest, models: dict[str, RegisteredModel]
) -> FirstRound | None:
    """Learn the models that are missing, into `models`; gives the round that may go on beside the crawl.

    A target without a model gets a head on another target's network, or round 0. Where none is missing, the round is
    that of targets whose network an earlier run did not come to train.
    """
    missing = [target for target in request.targets if target.name not in models]
    if missing:
        await _second_heads(request, missing, models)
    left = [target for target in missing if target.name not in models]
    targets = left or await _awaiting_network(request)
    if not targets:
        return None
    from commands.crawling.first_model import first_round, learn_first
    from commands.crawling.references import references_for_round

    given = None if len(targets) > 1 else await references_for_round(request, models.get(targets[0].name))
    round_ = await stack.enter_async_context(first_round(request, targets, given))
    if left:
        models |= await learn_first(round_)
    return round_


async def _second_heads(request: ModelRequest, missing: Sequence[Target], models: dict[str, RegisteredModel]) -> None:
    if request.dry_run:
        names = ", ".join(target.name for target in missing)
        raise UsageRefused(
            f"no model for {names} yet: the real run would first learn one from the tags of {request.tag}; "
            "a dry run writes nothing, so it ends here"
        )
    from commands.crawling.second_target import second_heads

    models |= await second_heads(request, missing)


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
