"""Which engine looks at pictures: this process's own workers, or those of a Ray cluster; the one place that knows both.

Neither is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from commands.context.settings import Settings, check_choice
from commands.context.tagger_choice import DescribedTagger
from commands.context.workspace import Workspace
from commands.terminal.console import say
from crawler.switching_judge import JudgeContext
from storage.plurals import counted
from storage.records import ModelCard

if TYPE_CHECKING:
    from classifier.embedding_judge import EmbeddingJudge
    from classifier.judge import JudgeSettings
    from classifier.recognition.package import RecogniserPackage
    from distributed.cluster import ClusterSettings
    from distributed.ray_judge import RayEmbeddingJudge, RayEngine

RAY = "ray"


class EngineJudge(JudgeContext, Protocol):
    """A judge of either engine, by models that are there; open within a `with`."""

    @property
    def tagger(self) -> DescribedTagger | None: ...


JudgeMaker: TypeAlias = "Callable[[Mapping[str, ModelCard], Mapping[str, Path], JudgeSettings], EngineJudge]"


def with_engine(workspace: Workspace, named: str | None) -> Workspace:
    """The workspace with an engine as typed; None: the settings' own.

    Raises:
        SettingsError: there is none of that name.
    """
    if named is None:
        return workspace
    engine = check_choice(Settings, "engine", named, "--engine")
    return replace(workspace, settings=replace(workspace.settings, engine=engine))


def check_engine(settings: Settings) -> None:
    """Refuse an engine whose package is missing, before anything is begun.

    Raises:
        RayMissing: says what to install.
    """
    if settings.engine == RAY:
        from distributed.cluster import check_installed

        check_installed()


async def check_room(settings: Settings) -> None:
    """Refuse now an engine that is needed only after hours of learning; the cluster is left again at once.

    Raises:
        RayMissing, ClusterRefused: there is no such engine here; nothing was done.
    """
    if settings.engine == RAY:
        from distributed.cluster import check_room

        await check_room(_cluster_settings(settings))


async def judge_maker(
    stack: AsyncExitStack, settings: Settings, announce: Callable[[str], None] | None = say
) -> JudgeMaker:
    """What makes judges, by the engine that the settings name; a cluster is joined or started until the stack closes.

    Args:
        stack: of the run.
        settings: name the engine.
        announce: takes a line about a cluster; None: it is not said.

    Raises:
        RayMissing, ClusterRefused: there is no such engine here; nothing was done.
    """
    if settings.engine != RAY:
        from classifier.judge import NetworkJudge

        return NetworkJudge
    return (await _ray_engine(stack, settings, announce)).judge


async def embedding_judge(
    stack: AsyncExitStack, settings: Settings, model: tuple[ModelCard, RecogniserPackage], how: JudgeSettings
) -> EmbeddingJudge | RayEmbeddingJudge:
    """An open judge that gives the embeddings of a recogniser's network, by the engine that the settings name.

    Raises:
        ModelError: the network is altered, fails its check pictures, or loads too slowly.
        RayMissing, ClusterRefused: there is no such engine here; nothing was done.
    """
    card, package = model
    if settings.engine != RAY:
        from classifier.embedding_judge import EmbeddingJudge

        return await stack.enter_async_context(EmbeddingJudge(package, how))
    engine = await _ray_engine(stack, settings, say)
    return await stack.enter_async_context(engine.embedding_judge(card, package, how))


async def _ray_engine(stack: AsyncExitStack, settings: Settings, announce: Callable[[str], None] | None) -> RayEngine:
    from distributed.ray_judge import ray_engine

    engine = await stack.enter_async_context(ray_engine(_cluster_settings(settings), say))
    if announce is not None:
        announce(f"looking at pictures by {counted(engine.workers, 'worker')} of {engine.name}")
    return engine


def _cluster_settings(settings: Settings) -> ClusterSettings:
    from distributed.cluster import ClusterSettings

    chosen = settings.ray
    return ClusterSettings(chosen.address, chosen.workers, chosen.processors, gpu=settings.scoring.device == "gpu")
