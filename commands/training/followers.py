"""Which targets follow to a new network is decided in `rounds/followers.py`; here it gets a gallery to work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifier.progress import ProgressCallback
from commands.context.workspace import Workspace
from commands.crawling.references import references_seen_by
from commands.lookup.gallery_reader import read_gallery
from storage.archive import Archive
from storage.files.paths import models_folder
from storage.records import ModelCard

if TYPE_CHECKING:
    from rounds.head_round import HeadRoundSettings, RoundOutcome


async def let_follow(
    archive: Archive,
    workspace: Workspace,
    card: ModelCard,
    left: str,
    settings: HeadRoundSettings,
    report: ProgressCallback,
) -> list[RoundOutcome]:
    """Let the targets follow that share the network which a model's round has left.

    Args:
        archive: open, under the gallery's lock.
        workspace: the gallery's root and settings.
        card: the model that came into force, with the new network.
        left: hash of the network that it left.
        settings: of the round.
        report: called with the progress.
    """
    from rounds.followers import NetworkChange, follow

    change = NetworkChange(card=card, left=left, models=models_folder(workspace.root), references=references_seen_by)
    with read_gallery(workspace) as reader:
        return await follow(archive, reader, change, settings, report)
