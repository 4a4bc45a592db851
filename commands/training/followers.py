"""One pass, one network: when a round puts a new network in force, the other targets that shared the old one follow."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifier.progress import ProgressCallback
from commands.context.registered_models import package_folder, verified
from commands.context.workspace import Workspace
from commands.crawling.references import references_seen_by
from storage.archive import Archive, open_reader
from storage.files.paths import models_folder
from storage.reader import Reader
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from rounds.head_round import HeadRoundSettings, RoundOutcome, Snapshot

_LEAST_POSITIVES = 5  # test pictures of a target, from which a model counts as no worse


async def follow(
    archive: Archive,
    workspace: Workspace,
    card: ModelCard,
    left: str,
    settings: HeadRoundSettings,
    report: ProgressCallback,
) -> list[RoundOutcome]:
    """Learn a head on the new network for each target that is still on the old one; those not worse come into force.

    A target that stays behind keeps its model, whole; a crawl for all of them then looks at pictures with two networks.

    Args:
        archive: open, under the gallery's lock.
        workspace: the gallery's root and settings.
        card: the model that came into force, with the new network; every stored picture was looked at with it.
        left: hash of the network that it left.
        settings: of the round.
        report: called with the progress.
    """
    from rounds.errors import TooLittleToLearn
    from rounds.head_round import finish, learn_candidate
    from rounds.snapshots import referring_to

    outcomes: list[RoundOutcome] = []
    with open_reader(workspace.root) as reader:
        behind = [target for target in reader.targets() if _is_behind(reader, target, card, left)]
        for target in behind:
            report("following", len(outcomes) / len(behind), f"{target.name}: learning a head on {card.name}'s network")
            snapshot = await asyncio.to_thread(_snapshot, reader, package_folder(workspace, card), target)
            if snapshot.active is not None:
                before = await asyncio.to_thread(verified, workspace, snapshot.active)
                seen = await references_seen_by(snapshot.package, snapshot.active, before)
                snapshot = referring_to(reader, snapshot, seen)
            try:
                candidate = await asyncio.to_thread(learn_candidate, snapshot, replace(settings, force=False))
            except TooLittleToLearn as error:
                report("following", 1.0, f"{target.name} keeps its model: {error}")
                continue
            if (positives := candidate.learned.quality.positives) < _LEAST_POSITIVES:
                report(
                    "following", 1.0, f"{target.name} keeps its model: {positives} test pictures of it prove nothing"
                )
                continue
            outcomes.append(
                await finish(candidate, archive, models_folder(workspace.root), replace(settings, force=False))
            )
    return outcomes


def _is_behind(reader: Reader, target: Target, card: ModelCard, left: str) -> bool:
    model = reader.active_model(target.name)
    return target.name != card.target and model is not None and model.card.backbone_hash == left


def _snapshot(reader: Reader, folder: Path, target: Target) -> Snapshot:
    """What is known of a target's pictures as the new network sees them; the old scores stand beside."""
    from classifier.package.package import load_package
    from rounds.snapshots import snapshot_of

    active = reader.active_model(target.name)
    if active is None:
        raise LookupError(f"{target.name} lost its model while a round was at work")  # under the lock: cannot be
    snapshot = snapshot_of(reader, target, load_package(folder), active)
    evidence = snapshot.evidence.rows(np.flatnonzero(np.isfinite(snapshot.evidence.scores)))
    return replace(snapshot, evidence=evidence, old_scores=evidence.scores)
