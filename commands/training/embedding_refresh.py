"""Looking at stored pictures again, when the model in force has another network than the embeddings are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from classifier.progress import ProgressCallback
from commands.context.registered_models import judge_settings, package_folder
from commands.context.tagger_choice import tagger_settings
from commands.context.workspace import Workspace
from commands.engine.choice import RAY, judge_maker
from commands.lookup.gallery_reader import read_gallery
from crawler.decisions import Policy
from storage.archive import Archive
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from classifier.judge import JudgeSettings
    from crawler.judge import Judge
    from rounds.rescoring.rescore import Rescoring

OpenJudge: TypeAlias = (
    "Callable[[Mapping[str, ModelCard], Mapping[str, Path], JudgeSettings], AbstractAsyncContextManager[Judge]]"
)


async def look_at_all_again(
    archive: Archive,
    workspace: Workspace,
    target: Target,
    card: ModelCard,
    report: ProgressCallback,
    open_judge: OpenJudge | None = None,
) -> Rescoring:
    """Score the stored rendition of every post that another model has decided; killed, it goes on where it was.

    Args:
        archive: of the gallery.
        workspace: the gallery, and the settings by which posts are decided.
        target: whose posts.
        card: its model in force.
        report: progress.
        open_judge: of cards and package folders by target; None: that of the engine that the settings name.

    Raises:
        ModelError: the model or its device fails.
        ClusterLost: the cluster is not there, or is lost; the model is in force, and `crawl rescore` goes on.
    """
    from rounds.rescoring.embedding_refresh import RefreshRequest, refresh_embeddings
    from rounds.rescoring.rescore import Rescoring

    with read_gallery(workspace) as reader:
        status = reader.status()
    listings = [listing.id for listing in status.listings]
    policy = Policy(trust_tags=workspace.settings.scoring.trust_tags)
    request = RefreshRequest(target, listings, policy, status.outdated.get(target.name, 0))
    settings = judge_settings(workspace.settings.scoring, tagger_settings(workspace.settings, [target]))
    cards, folders = {target.name: card}, {target.name: package_folder(workspace, card)}
    async with AsyncExitStack() as stack:
        make = open_judge or await _of_the_engine(stack, workspace, report)
        judge = await stack.enter_async_context(make(cards, folders, settings))
        done = await refresh_embeddings(archive, judge, request, report=report)
    return Rescoring(done.looked, done.kept)


async def _of_the_engine(stack: AsyncExitStack, workspace: Workspace, report: ProgressCallback) -> OpenJudge:
    """What opens judges, by the engine that the settings name; a cluster that was there before learning may be gone."""
    settings = workspace.settings
    if settings.engine != RAY:
        return await judge_maker(stack, settings)
    from distributed.errors import ClusterLost, ClusterRefused

    try:
        return await judge_maker(stack, settings, lambda line: report("looking again", 0.0, line))
    except ClusterRefused as error:
        raise ClusterLost(str(error)) from error
