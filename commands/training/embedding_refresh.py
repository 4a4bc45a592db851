"""Looking at stored pictures again, when the model in force has another network than the embeddings are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifier.progress import ProgressCallback
from commands.context.registered_models import judge_settings, package_folder
from commands.context.tagger_choice import tagger_settings
from commands.context.workspace import Workspace
from crawler.decisions import Policy
from storage.archive import Archive, open_reader
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from rounds.rescoring.rescore import Rescoring


async def look_at_all_again(
    archive: Archive, workspace: Workspace, target: Target, card: ModelCard, policy: Policy, report: ProgressCallback
) -> Rescoring:
    """Score the stored rendition of every post that another model has decided; killed, it goes on where it was.

    Raises:
        ModelError: the model or its device fails.
    """
    from classifier.judge import NetworkJudge
    from rounds.rescoring.embedding_refresh import RefreshRequest, refresh_embeddings
    from rounds.rescoring.rescore import Rescoring

    with open_reader(workspace.root) as reader:
        status = reader.status()
    listings = [listing.id for listing in status.listings]
    request = RefreshRequest(target, listings, policy, status.outdated.get(target.name, 0))
    settings = judge_settings(workspace.settings.scoring, tagger_settings(workspace.settings, [target]))
    async with NetworkJudge({target.name: card}, {target.name: package_folder(workspace, card)}, settings) as judge:
        done = await refresh_embeddings(archive, judge, request, report=report)
    return Rescoring(done.looked, done.kept)
