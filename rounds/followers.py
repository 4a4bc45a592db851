"""One pass, one network: when a round puts a new network in force, the other targets that shared the old one follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from classifier.package.package import Package, load_package
from classifier.package.references import References
from classifier.progress import ProgressCallback
from rounds.errors import TooLittleToLearn
from rounds.head_round import HeadRoundSettings, RoundOutcome, RoundRegistry, Snapshot, finish, learn_candidate
from rounds.snapshots import referring_to, snapshot_of
from rounds.target_state import targets_on
from storage.archive_records import RegisteredModel
from storage.files.paths import model_folder
from storage.reader import Reader
from storage.records import ModelCard, Target

LEAST_POSITIVES = 5  # test pictures of a target, from which a model counts as no worse

# Package with the new network, a target's model in force, its package -> its references as the new network sees them.
SeenReferences = Callable[[Package, RegisteredModel, Package], Awaitable[References | None]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkChange:
    """A new network in force; every stored picture was looked at with it."""

    card: ModelCard  # the model that brought it
    left: str  # hash of the network that it left
    models: Path  # folder with a folder a target
    references: SeenReferences


async def follow(
    registry: RoundRegistry,
    reader: Reader,
    change: NetworkChange,
    settings: HeadRoundSettings,
    report: ProgressCallback,
) -> list[RoundOutcome]:
    """Learn a head on the new network for each target that is still on the old one; those not worse come into force.

    A target that stays behind keeps its model, whole; a crawl for all of them then looks at pictures with two networks.

    Args:
        registry: the archive, open, under the gallery's lock.
        reader: of the same gallery.
        change: of the network.
        settings: of the round; nobody is forced to follow.
        report: called with the progress.
    """
    settings, outcomes = replace(settings, force=False), list[RoundOutcome]()
    names = targets_on(reader, change.left)
    behind = [target for target in reader.targets() if target.name in names]
    for done, target in enumerate(behind):
        report("following", done / len(behind), f"{target.name}: learning a head on {change.card.name}'s network")
        snapshot = await _snapshot(reader, change, target)
        try:
            candidate = await asyncio.to_thread(learn_candidate, snapshot, settings)
        except TooLittleToLearn as error:
            report("following", 1.0, f"{target.name} keeps its model: {error}")
            continue
        if (positives := candidate.learned.quality.positives) < LEAST_POSITIVES:
            report("following", 1.0, f"{target.name} keeps its model: {positives} test pictures of it prove nothing")
            continue
        outcomes.append(await finish(candidate, registry, change.models, settings))
    return outcomes


async def _snapshot(reader: Reader, change: NetworkChange, target: Target) -> Snapshot:
    """What is known of a target's pictures and references as the new network sees them."""
    active = reader.active_model(target.name)
    if active is None:
        raise LookupError(f"{target.name} lost its model while a round was at work")  # under the lock: cannot be
    snapshot = await asyncio.to_thread(_of_the_gallery, reader, change, target, active)
    before = await asyncio.to_thread(_package_of, change, active)
    return referring_to(reader, snapshot, await change.references(snapshot.package, active, before))


def _of_the_gallery(reader: Reader, change: NetworkChange, target: Target, active: RegisteredModel) -> Snapshot:
    """The pictures that have a score of the model in force; its scores stand beside the new network's vectors."""
    snapshot = snapshot_of(reader, target, load_package(model_folder(change.models, change.card.named)), active)
    evidence = snapshot.evidence.rows(np.flatnonzero(np.isfinite(snapshot.evidence.scores)))
    return replace(snapshot, evidence=evidence, old_scores=evidence.scores)


def _package_of(change: NetworkChange, model: RegisteredModel) -> Package:
    return load_package(model_folder(change.models, model.card.named), expected_hash=model.card.hash)
