"""Where the models of a crawl's judge come from, each with what it needs to be imported: networks, site, training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from commands.crawling.model_request import ModelRequest
from commands.engine.choice import EngineJudge, JudgeMaker
from crawler.switching_judge import SwitchingJudge
from storage.archive_records import RegisteredModel
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings
    from classifier.references.folder import ReferenceFolder
    from commands.crawling.first_model import FirstRound


class ModelSources:
    """All ways to a model that a crawl knows, the cheapest first; nothing is imported before it is asked for."""

    def __init__(self, make: JudgeMaker) -> None:
        """Take what makes judges by models that are there."""
        self._make = make

    def judge(
        self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path], settings: JudgeSettings
    ) -> EngineJudge:
        """A judge by models that are there, not open yet."""
        return self._make(cards, folders, settings)

    async def from_references(self, request: ModelRequest, folder: Path) -> Mapping[str, RegisteredModel]:
        """A head from a person's few pictures; see `references.head_from_references`."""
        from commands.crawling.references import head_from_references

        return await head_from_references(request, folder)

    async def second_heads(self, request: ModelRequest, missing: Sequence[Target]) -> Mapping[str, RegisteredModel]:
        """Heads on another target's network; see `second_target.second_heads`."""
        from commands.crawling.second_target import second_heads

        return await second_heads(request, missing)

    def first_round(
        self, request: ModelRequest, targets: Sequence[Target], references: ReferenceFolder | None
    ) -> AbstractAsyncContextManager[FirstRound]:
        """Round 0, not begun; see `first_model.first_round`."""
        from commands.crawling.first_model import first_round

        return first_round(request, targets, references)

    async def learn_first(self, round_: FirstRound) -> Mapping[str, RegisteredModel]:
        """The first step of round 0; see `first_model.learn_first`."""
        from commands.crawling.first_model import learn_first

        return await learn_first(round_)

    def train_beside(
        self, round_: FirstRound, judge: SwitchingJudge, request: ModelRequest, settings: JudgeSettings
    ) -> None:
        """Begin the second step of round 0, beside the crawl; see `network_beside.NetworkBeside`."""
        from commands.crawling.network_beside import NetworkBeside

        if request.takeover is not None:
            NetworkBeside(round_, judge, request.takeover, settings, self._make).begin()
