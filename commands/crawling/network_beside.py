"""The second step of round 0, beside the crawl: train the network, compare, and put in force what is better.

    (bring pictures) -> train at low priority -> compare -> open a judge -> register -> switch the crawl to it

Killed at any moment, the first model is in force, whole, or the second is: registering is one transaction a target.
What is left of the work folder is removed at the next start, and the next crawl of the target trains the network again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import ModelError
from classifier.judge import JudgeSettings
from classifier.package.package import Package
from classifier.training.step_agreement import StepComparison
from commands.context.archive_protocol import CommandArchive
from commands.context.registered_models import card_for, package_folder
from commands.crawling.first_model import FirstRound, number_of, package_of
from commands.crawling.takeover import State, Succession, Takeover
from commands.terminal.console import say
from crawler.errors import CrawlError
from crawler.switching_judge import JudgeContext, SwitchingJudge
from rounds.errors import RoundError
from rounds.evaluation.step_comparison import compare_steps
from rounds.training_job import NewModel, TrainingStep
from storage.archive_records import RegisteredModel
from storage.records import ModelCard, Target
from storage.uninterrupted import uninterrupted

JudgeMaker = Callable[[Mapping[str, ModelCard], Mapping[str, Path], JudgeSettings], JudgeContext]  # of either engine
NICENESS = 10  # of 19: scoring comes first


def awaiting_network(
    targets: Sequence[Target], registered: Mapping[str, Sequence[RegisteredModel]]
) -> tuple[Target, ...]:
    """Targets whose first model is in force and whose network was never trained to its end.

    Args:
        targets: of the run.
        registered: every model of each, by `Target.name`.
    """
    return tuple(target for target in targets if _awaits(registered.get(target.name, ())))


def _awaits(models: Sequence[RegisteredModel]) -> bool:
    steps = {str(model.facts.get("step", "")): model.active for model in models}
    return steps.get(TrainingStep.FIRST, False) and TrainingStep.NETWORK not in steps


@dataclass(frozen=True, slots=True)
class NetworkBeside:
    """One run's second step."""

    round_: FirstRound
    judge: SwitchingJudge
    takeover: Takeover
    settings: JudgeSettings  # of the judge, and of the one that may follow it
    judge_of: JudgeMaker

    def begin(self) -> None:
        """Start it."""
        models = self.judge.models
        successions = [Succession(target.name, models[target.name].name) for target in self.round_.targets]
        self.takeover.begin(successions, self._work(successions))

    async def _work(self, successions: Sequence[Succession]) -> None:
        """All of it; its own troubles end it alone."""
        started = time.monotonic()
        try:
            models = await self.round_.learn(TrainingStep.NETWORK, self.takeover.report, niceness=NICENESS)
            self.takeover.report("comparing", 1.0, "")
            by_target = {one.target: one for one in successions}
            compared = [await self._compared(one, by_target[one.target]) for one in models]
            await self._put_in_force(compared, started)
        except (RoundError, ModelError, CrawlError, OSError) as error:
            for one in successions:
                if one.state is State.TRAINING:
                    one.end(State.FAILED, str(error), time.monotonic() - started)
                    say(one.words())

    async def _compared(self, model: NewModel, succession: Succession) -> _Compared:
        package = await package_of(model)
        succession.model = package.card(number_of(model)).name
        first = package_folder(self.round_.request.workspace, self.judge.models[model.target])
        verdict = await asyncio.to_thread(compare_steps, first, model)
        return _Compared(model, package, verdict, succession)

    async def _put_in_force(self, compared: Sequence[_Compared], started: float) -> None:
        better = [one for one in compared if one.verdict.better]
        async with AsyncExitStack() as stack:
            successor = self._successor(better) if better else None
            if successor is not None:
                await stack.enter_async_context(successor)
            await _registered(self.round_.request.archive, compared, started)
            stack.pop_all()
        if successor is not None:
            await self.judge.switch_to(successor)

    def _successor(self, better: Sequence[_Compared]) -> JudgeContext:
        """A judge with the better models, and the others' as they are; opening it checks that they work here."""
        request = self.round_.request
        cards: dict[str, ModelCard] = dict(self.judge.models)
        folders = {name: package_folder(request.workspace, card) for name, card in cards.items()}
        for one in better:
            cards[one.model.target] = card_for(one.card, one.package, request.goal)
            folders[one.model.target] = one.model.folder
        return self.judge_of(cards, folders, self.settings)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A new model, measured against the first one."""

    model: NewModel
    package: Package
    verdict: StepComparison
    succession: Succession

    @property
    def card(self) -> ModelCard:
        """What the registry is to know of it."""
        return self.package.card(number_of(self.model))


@uninterrupted
async def _registered(archive: CommandArchive, compared: Sequence[_Compared], started: float) -> None:
    """Enter all of them, and put the better ones in force: from then on their state says so."""
    for one in compared:
        verdict = {**one.verdict.to_json(), "before": one.succession.before}
        await archive.register_model(one.card, {**one.model.facts, "compared": verdict}, activate=one.verdict.better)
        state = State.TOOK_OVER if one.verdict.better else State.NOT_BETTER
        one.succession.end(state, one.verdict.why, time.monotonic() - started)
        say(one.succession.words())
