"""A round on one page: labels and tags -> a new head -> measured, compared -> packaged, in force, rescored.

    snapshot -> frozen splits -> fit with noisy labels -> calibrate, threshold, measure -> compare with the model in
    force -> package -> register, active unless it is worse -> rescore everything

Learning needs nothing but reading; only the last steps write, in short transactions. Whatever kills a round leaves
the old or the new model in force, whole.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from classifier.errors import TooFewExamples
from classifier.heads.character_space import numbered
from classifier.heads.head_training import LearnedHead, learn_head
from classifier.heads.noisy_labels import LabelSource
from classifier.heads.training_set import HeadPlan, HeadTrainingSet
from classifier.metrics.backbone_comparison import BackboneComparison
from classifier.package.package import Canary, Package, PackageFacts, PackageParts, write_package
from classifier.package.references import References
from classifier.progress import ProgressCallback, unreported
from classifier.training.history import kept_history
from classifier.training.pace import too_brief
from classifier.training.pipeline import Goal
from crawler.decisions import Policy
from rounds.errors import TooLittleToLearn
from rounds.evaluation.comparison import Compared, compare
from rounds.evaluation.compression import Compression
from rounds.evaluation.round_report import report_files, report_text
from rounds.examples.frozen_splits import assigned_splits, groups_of, splits_of
from rounds.examples.head_examples import training_set_of
from rounds.examples.label_sources import noisy_labels_of
from rounds.examples.reference_rows import of_the_gallery, plan_for, with_references
from rounds.models import free_name
from rounds.rescoring.rescore import Rescoring, ScoreStore, rescore, whole_picture_scores
from storage.archive_records import RegisteredModel
from storage.evidence import Evidence, SplitAssignments
from storage.files.paths import model_folder
from storage.plurals import counted
from storage.records import ModelCard, Target


class RoundRegistry(ScoreStore, Protocol):
    """Where a round registers its model and its splits; the archive does it."""

    async def next_model_number(self, target: str) -> int: ...
    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None: ...
    async def file_assignments(self, assigned: SplitAssignments) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRoundSettings:
    """How a round is done."""

    goal: Goal = field(default_factory=Goal)
    policy: Policy = field(default_factory=Policy)
    force: bool = False  # in force even when it is worse
    decide_again: bool = True  # from stored embeddings; not where a crawl is about to do it
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Snapshot:
    """What a round is trained on, read once: later labels belong to the next round."""

    target: Target
    active: RegisteredModel | None  # None: the target has no model yet
    package: Package  # of the model in force; without one, of another target's, whose network is shared
    evidence: Evidence
    newest_label: int = 0  # sequence number of the newest label in it
    old_scores: npt.NDArray[np.float64] | None = (
        None  # (n,) by the model in force, when the vectors are of another network
    )
    found_hashes: Mapping[int, int] = field(default_factory=dict)  # version id -> hash that the gallery lacked
    references: References | None = None  # embedded by the package's network
    reference_folder: str = ""  # folder of the references
    characters: Mapping[int, str] = field(default_factory=dict)  # version id -> the one character that its tags name


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidate:
    """A trained head that is not registered yet."""

    snapshot: Snapshot
    learned: LearnedHead
    compared: Compared | None  # None: the target has no model yet
    round: int
    artists: bool  # whether each artist's set shares a split
    split: npt.NDArray[np.int8]  # (n,) by `splits_of`
    assigned: SplitAssignments  # what the gallery stores of all pictures of the round
    network_changed: bool = False  # stored embeddings are of the old network; pictures are embedded again
    backbone_comparison: BackboneComparison | None = None  # of a new network: against the one in force
    tried: int = 0  # pictures that a network was trained on which turned out no better
    compression: Compression | None = None  # of the model in force; None: none was compressed

    @property
    def how(self) -> str:
        """What is new of it, as packages and the registry say it."""
        if self.compression is not None:
            return self.compression.how
        return "network" if self.network_changed else "head only"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOutcome:
    """The result of a round."""

    card: ModelCard
    network: str  # name of the backbone
    activated: bool
    compared: Compared | None  # None: there was nothing to compare with
    rescored: Rescoring | None  # None: the old model stays in force, or the pictures are still to be embedded again
    metrics: Mapping[str, Any]
    report: str  # for people


LearnHead = Callable[[HeadTrainingSet, HeadPlan], LearnedHead]


def learn_candidate(snapshot: Snapshot, settings: HeadRoundSettings, learn: LearnHead = learn_head) -> Candidate:
    """Learn a head from a snapshot; pure computing, seconds.

    Args:
        snapshot: what there is to learn from.
        settings: how.
        learn: fits the head.

    Raises:
        TooLittleToLearn: too few labels and tags; counts them.
    """
    evidence = snapshot.evidence
    plan = plan_for(evidence, snapshot.references, settings.goal, settings.seed)
    learned: LearnedHead | None = None
    for artists in (True, False):  # one artist's gallery cannot be split by artist
        groups = groups_of(evidence, artists=artists)
        if artists and _tangled(groups):
            continue
        split = splits_of(evidence, groups, snapshot.package.snapshot, artists=artists)
        training_set = training_set_of(snapshot.target, snapshot.package, evidence, groups, split)
        if snapshot.references is not None:
            training_set = with_references(training_set, evidence, snapshot.references, artists=artists)
            training_set = replace(
                training_set, characters=_characters(evidence, snapshot.characters, len(snapshot.references))
            )
        try:
            learned = of_the_gallery(learn(training_set, plan), len(evidence))
            break
        except TooFewExamples as error:
            if not artists:
                raise TooLittleToLearn(str(error), error.target, error.counts) from error
    if learned is None:
        raise TooLittleToLearn(f"nothing could be learned for {snapshot.target.name}", snapshot.target.name)
    active = snapshot.active
    return Candidate(
        snapshot=snapshot,
        learned=learned,
        compared=None if active is None else _compared(snapshot, active, learned, training_set),
        round=0 if active is None else (active.round or 0) + 1,
        artists=artists,
        split=split,
        assigned=_split_assignments(snapshot, split),
    )


def _characters(evidence: Evidence, characters: Mapping[int, str], references: int) -> npt.NDArray[np.int64]:
    """Number of the one character that tags name, for the gallery's rows and then for so many references."""
    named = [characters.get(version, "") for version in evidence.version_ids.tolist()]
    return numbered([*named, *[""] * references])


def _tangled(groups: npt.NDArray[np.int64]) -> bool:
    """Whether copies and families join artists' sets into a group that is too large for any split."""
    return bool(len(groups) and np.bincount(groups).max() > _LARGEST_GROUP * len(groups))


_LARGEST_GROUP = 0.2  # share of all pictures; the test split has 0.15


def _split_assignments(snapshot: Snapshot, split: npt.NDArray[np.int8]) -> SplitAssignments:
    """The splits that are new, and the hashes that were missing."""
    now, evidence = assigned_splits(split), snapshot.evidence
    new = np.flatnonzero(now != evidence.frozen_split)
    return SplitAssignments(snapshot.target.name, evidence.version_ids[new], now[new], snapshot.found_hashes)


async def finish(
    candidate: Candidate,
    registry: RoundRegistry,
    models: Path,
    settings: HeadRoundSettings,
    *,
    report: ProgressCallback = unreported,
) -> RoundOutcome:
    """Package, store the splits, register, activate unless worse, rescore.

    Args:
        candidate: from `learn_candidate`.
        registry: the archive, open.
        models: folder with a folder a target.
        settings: how.
        report: progress.
    """
    target = candidate.snapshot.target
    name = await free_name(registry, models, target.name)
    folder = model_folder(models, name)
    report("writing", 0.0, f"writing {name}")
    facts = await asyncio.to_thread(_write, candidate, folder)
    threshold = candidate.learned.chosen.threshold
    refusal = refusal_of(candidate)
    head = candidate.learned.head
    card = ModelCard(
        target=target.name,
        number=name.number,
        hash=facts.hash,
        backbone_hash=facts.backbone_hash,
        threshold=threshold,
        shifts=head.shifts,
        refusal=refusal,
        ai_weights=head.ai_weights,
        tagger_network=head.tagger_network,
    )
    activate = settings.force or _takes_over(candidate, card)
    await registry.file_assignments(
        candidate.assigned
    )  # first: no model is ever in force whose test pictures could still be trained on
    await registry.register_model(card, facts_of(candidate), activate=activate)
    rescored = None
    if activate and settings.decide_again and not candidate.network_changed:
        report("rescoring", 0.0, f"{counted(len(candidate.snapshot.evidence), 'picture')}, from stored embeddings")
        model = (card, head)
        rescored = await rescore(registry, candidate.snapshot.evidence, target, model, settings.policy)
        report("rescoring", 1.0, f"{rescored.kept} of {rescored.posts} kept")
    return RoundOutcome(
        card=card,
        network=candidate.snapshot.package.backbone_name,
        activated=activate,
        compared=candidate.compared,
        rescored=rescored,
        metrics=metrics_of(candidate),
        report=_report_of(candidate),
    )


def _takes_over(candidate: Candidate, card: ModelCard) -> bool:
    """Whether it comes into force; a compressed model that lost too much does not, even where it may decide."""
    if candidate.compression is not None and candidate.compression.refusal:
        return False
    return takes_over(card, candidate.snapshot.active, candidate.compared)


def _report_of(candidate: Candidate) -> str:
    target = candidate.snapshot.target.name
    return report_text(candidate.learned, candidate.compared, target, candidate.compression)


def refusal_of(candidate: Candidate) -> str:
    """Why the model may not decide; empty: it may."""
    return candidate.learned.refusal or too_brief(candidate.snapshot.package.snapshot.get("taught") or {})


def takes_over(new: ModelCard, active: RegisteredModel | None, compared: Compared | None) -> bool:
    """Whether a new model comes into force: one that may decide before one that may not, else unless it is worse.

    What a model that may not decide would have kept is no argument against a model that may.
    """
    if active is not None and bool(new.refusal) != bool(active.card.refusal):
        return not new.refusal
    return compared is None or not compared.worse


def metrics_of(candidate: Candidate) -> dict[str, Any]:
    """The figures that the manifest and the registry keep."""
    learned = candidate.learned
    return {
        "test": learned.quality.to_json(),
        "expected": learned.forecast.to_json(),
        "refusal": learned.refusal,
        **({} if candidate.compared is None else {"compared": candidate.compared.to_json()}),
        **({} if candidate.compression is None else {"compression": candidate.compression.to_json()}),
        **learned.facts,
    }


def facts_of(candidate: Candidate) -> dict[str, Any]:
    """What the registry keeps of the model."""
    return {
        "round": candidate.round,
        "how": candidate.how,
        "parent": _parent(candidate.snapshot),
        "metrics": metrics_of(candidate),
        "newest_label": candidate.snapshot.newest_label,
        **({"references": folder} if (folder := candidate.snapshot.reference_folder) else {}),
    }


def _parent(snapshot: Snapshot) -> str | None:
    """Name of the model that it replaces; None: it is the target's first."""
    return None if snapshot.active is None else snapshot.active.card.name


def _compared(
    snapshot: Snapshot, active: RegisteredModel, learned: LearnedHead, training_set: HeadTrainingSet
) -> Compared:
    """Compare on the test split, without tags that cross-fitted heads contradict: see `doubted_tags`."""
    rows = np.setdiff1d(learned.measured, learned.doubted_in_test)
    truth = np.isin(training_set.noisy_labels.label_sources[rows], (LabelSource.TAGGED, LabelSource.KEEP))
    if snapshot.old_scores is None:
        old = whole_picture_scores(snapshot.package.head, snapshot.evidence.rows(rows))
    else:
        old = snapshot.old_scores[rows]
    new_keeps = learned.scores[rows] >= learned.chosen.threshold
    return compare(active.card.name, old >= active.card.threshold, new_keeps, truth)


def _write(candidate: Candidate, folder: Path) -> PackageFacts:
    package, learned = candidate.snapshot.package, candidate.learned  # of a new network: from the training process
    canaries = [
        Canary(picture, vector.astype(np.float32))
        for picture, vector in zip(package.canaries.pictures, package.canaries.embeddings, strict=True)
    ]
    contents = PackageParts(
        target=candidate.snapshot.target.name,  # the network may have been trained for another
        backbone=package.backbone,
        head=learned.head,
        threshold=learned.chosen.threshold,
        curve=learned.curve,
        canaries=canaries,
        references=candidate.snapshot.references,
        small_looks=package.small_looks,
        snapshot=_remembered(candidate),
        metrics=metrics_of(candidate),
        reject_ratio=learned.reject_ratio,
        refusal=refusal_of(candidate),
        report=report_files(_report_of(candidate), metrics_of(candidate)) | kept_history(package),
    )
    return write_package(folder, contents)


_OF_THE_NETWORK = ("parts", "taught", "earlier")  # how the network was made; copied to every head on it


def _remembered(candidate: Candidate) -> dict[str, Any]:
    """What the model was made from, so that its test pictures stay out of training for ever."""
    snapshot, before = candidate.snapshot, candidate.snapshot.package.snapshot
    label_sources, _ = noisy_labels_of(snapshot.evidence)
    digest = hashlib.sha256(snapshot.evidence.version_ids.astype("<i8").tobytes() + label_sources.tobytes())
    return {
        "round": candidate.round,
        "how": candidate.how,
        "parent": _parent(snapshot),
        **{name: before[name] for name in _OF_THE_NETWORK if name in before},
        "tried": candidate.tried or (0 if candidate.network_changed else before.get("tried", 0)),
        "artists_together": candidate.artists,
        "pictures": len(snapshot.evidence),
        "labels": int(np.isin(label_sources, (LabelSource.KEEP, LabelSource.DELETE)).sum()),
        "newest_label": snapshot.newest_label,
        "evidence": digest.hexdigest(),
        "doubted": [snapshot.evidence.md5s[row] for row in candidate.learned.doubted_in_test.tolist()],
    }
