"""A round that trains the network itself again, on all current labels and tags; minutes instead of seconds.

    choose pictures -> decode stored renditions -> train in a process of its own -> embed -> fit a head on that

It starts from the network in force. Nothing is downloaded: pictures are the stored renditions. Tags that the last head
contradicts strongly are left out, labels override tags, and test pictures stay test pictures.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import IntArray
from classifier.backbones.catalogue import FINE_TUNED, PRETRAINED, known_or_plain
from classifier.errors import PictureFault
from classifier.heads.noisy_labels import LabelSource
from classifier.heads.training_set import CONTAMINATED, TEST, VALIDATION
from classifier.metrics.backbone_comparison import BackboneComparison, compared
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.progress import ProgressCallback
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.job import PICTURES
from classifier.training.pipeline import Example, Goal, TargetSpec, TrainingPlan
from classifier.training.step_agreement import LEAST_GAIN
from classifier.training.warm_start import Earlier
from rounds.errors import PicturesMissing
from rounds.examples.decoders import PixelDecoder
from rounds.examples.frozen_splits import identities_of, taught_so_far
from rounds.examples.label_sources import noisy_labels_of
from rounds.examples.references import ReferencePixels
from rounds.head_round import Candidate, HeadRoundSettings, Snapshot, learn_candidate, refusal_of
from rounds.network_advice import training_set_size
from rounds.rescoring.rescore import whole_picture_scores
from rounds.training_job import PictureSettings, TrainingTask, embedded, gather_pictures, train, work_folder
from rounds.training_process import COMMAND
from storage.evidence import SPLITS, Evidence
from storage.plurals import counted

_WORK = ".work-network-"
_CONTRADICTED = 0.3  # belief under which a tag counts as contradicted
_MISSING_AT_MOST = 0.2
_DAY_S = 86_400.0  # longer than any running round takes
_LEAST_COMPARED = 50  # held-out pictures that two networks are compared on


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """How the network is trained."""

    backbone: str
    preprocessing: Preprocessing
    weights: Path | None = None  # the backbone's first weights
    may_download: bool = False  # published weights
    anew: bool = False  # from the first weights, not from the network in force
    pictures_at_most: int = 8000
    time_budget_s: float = 480.0
    in_flight: int = 16
    command: tuple[str, ...] = COMMAND


@dataclass(frozen=True, slots=True)
class TrainingPictures:
    """Stored pictures, and the characters that their tags name."""

    read: Callable[[int], bytes | None]  # version id -> stored rendition
    characters: Mapping[int, Sequence[str]]  # version id -> character tags
    decoder: PixelDecoder
    references: ReferencePixels | None = None  # to be embedded by the new network; None: there are none


def without(network: Candidate, head: Candidate) -> Candidate:
    """The head alone, with a note that a network was tried in vain, so that not every round tries it again."""
    return replace(head, tried=training_set_size(network.snapshot.package.snapshot))


@asynccontextmanager
async def new_network(
    candidate: Candidate,
    pictures: TrainingPictures,
    models: Path,
    settings: NetworkSettings,
    rounds: HeadRoundSettings,
    report: ProgressCallback,
) -> AsyncIterator[Candidate]:
    """Train a network and fit a head on it; the result lies in a work folder that is removed after the block.

    Args:
        candidate: the new head on the old network; its beliefs say which tags are left out.
        pictures: the stored renditions, their characters and the decoder.
        models: folder of the target's models; the work folder is made there.
        settings: how the network is trained.
        rounds: how the head is learned.
        report: progress.

    Raises:
        PicturesMissing: too many pictures cannot be read or decoded.
        TooLittleToLearn, LearningFailed: from the training process.
    """
    async with work_folder(models, _WORK, left_for_s=_DAY_S) as folder:
        snapshot = candidate.snapshot
        rows = chosen_rows(candidate, settings.pictures_at_most, rounds.seed)
        rows = await decoded_rows(pictures, snapshot.evidence, rows, settings, folder, report)
        done = await train(folder, _training_task(candidate, pictures, rows, settings, rounds), settings, report)
        report("measuring", 0.5, "training a head on the new network")
        retrained = await asyncio.to_thread(_candidate, candidate, rows, (folder, done), pictures.references, rounds)
        yield replace(
            retrained, backbone_comparison=_backbone_comparison(candidate, pictures, rows, retrained.snapshot)
        )


def better_of(head: Candidate, network: Candidate) -> tuple[Candidate, str]:
    """The better of a new head alone and a new network; the head alone when they are even.

    One that may decide is better than one that may not, whatever their figures.
    A network that distinguishes all characters significantly better is the better one. Without a significant difference
    the ranking of the target's test pictures decides, not errors at a threshold: with thirty positives to measure on,
    one picture next to the threshold would outweigh all the others.
    """
    refused = refusal_of(network)
    if bool(refused) != bool(refusal_of(head)):
        if refused:
            return head, f"the new network may not decide: {refused.split(';')[0]}; only the head is new"
        return network, "the new network may decide, and a new head alone may not"
    if network.compared is not None and network.compared.worse:
        return head, f"the new network is no better: {network.compared.words()}; only the head is new"
    comparison = network.backbone_comparison
    if comparison is not None and (comparison.gain.low > 0 or comparison.gain.high < 0):
        figures = (
            f"it distinguishes {comparison.characters} characters with a loss of {comparison.new_loss:.3f} against "
            f"{comparison.old_loss:.3f} on {counted(comparison.pictures, 'held-out picture')}"
        )
        if comparison.gain.low > 0:
            return network, f"the new network is better: {figures}"
        return head, f"the new network is no better ({figures}); only the head is new"
    old, new = head.learned.quality.average_precision.value, network.learned.quality.average_precision.value
    figures = f"average precision {new:.3f} against {old:.3f} with a new head alone"
    if new > old + LEAST_GAIN:
        return network, f"the new network is better: {figures}"
    return head, f"the new network is no better ({figures}); only the head is new"


def chosen_rows(candidate: Candidate, most: int, seed: int) -> IntArray:
    """Every answered picture, then tagged ones up to a third, then others, a fifth of them untagged."""
    label_sources, sure = noisy_labels_of(candidate.snapshot.evidence)
    shuffled = np.random.default_rng(seed).permutation(np.flatnonzero(sure & (candidate.split != CONTAMINATED)))
    kinds = label_sources[shuffled]
    people = shuffled[np.isin(kinds, (LabelSource.KEEP, LabelSource.DELETE))][:most]
    tagged = shuffled[kinds == LabelSource.TAGGED][: max(0, most // 3)]
    room = max(0, most - len(people) - len(tagged))
    nothing = shuffled[kinds == LabelSource.NOTHING][: max(room // 5, room - int((kinds == LabelSource.OTHERS).sum()))]
    others = shuffled[kinds == LabelSource.OTHERS][: room - len(nothing)]
    return np.sort(np.concatenate([people, tagged, others, nothing]))[:most].astype(np.int64)


async def decoded_rows(
    pictures: TrainingPictures,
    evidence: Evidence,
    rows: IntArray,
    settings: PictureSettings,
    folder: Path,
    report: ProgressCallback,
) -> IntArray:
    """Decode all; gives the rows that the array in the folder holds. A picture that is gone is left out and counted."""

    async def decode(number: int) -> Pixels | None:
        content = await asyncio.to_thread(pictures.read, int(evidence.version_ids[rows[number]]))
        if content is None:
            return None
        try:
            return (await pictures.decoder.decode(content)).pixels[0]
        except PictureFault:
            return None

    held = await gather_pictures(
        len(rows), decode, folder, settings, lambda share, held: report("reading", share, counted(held, "picture"))
    )
    if len(held) < (1 - _MISSING_AT_MOST) * len(rows):
        raise PicturesMissing(
            f"{len(rows) - len(held)} of {len(rows)} stored pictures cannot be read; crawl again, or give --how head"
        )
    return rows[held]


def _training_task(
    candidate: Candidate,
    pictures: TrainingPictures,
    rows: IntArray,
    settings: NetworkSettings,
    rounds: HeadRoundSettings,
) -> TrainingTask:
    target = candidate.snapshot.target
    spec = TargetSpec(
        target.name, target.tag, target.variants, rounds.goal if rounds.goal.threshold is None else Goal()
    )
    recipe = TrainingRecipe(time_budget_s=settings.time_budget_s, seed=rounds.seed)
    earlier, package = _earlier(candidate, settings), candidate.snapshot.package
    snapshot = {
        "round": candidate.round,
        "targets": [target.tag],
        "earlier": None if earlier is None or settings.backbone == FINE_TUNED else package.backbone_hash,
    }
    plan = TrainingPlan(recipe=recipe, seed=rounds.seed, earlier=earlier)
    return TrainingTask(_examples(candidate, pictures, rows), [spec], plan, snapshot)


def _earlier(candidate: Candidate, settings: NetworkSettings) -> Earlier | None:
    """The network in force, when the new one has its architecture."""
    package = candidate.snapshot.package
    same = (package.backbone_name, package.preprocessing) == (settings.backbone, settings.preprocessing)
    if settings.backbone == FINE_TUNED:  # starts as published; the gallery's projection is kept
        kept = package.backbone_name in (PRETRAINED, FINE_TUNED) and package.preprocessing == settings.preprocessing
        return Earlier(package.keras, ()) if kept else None
    return Earlier(package.keras, package.classes) if same and not settings.anew else None


def _examples(candidate: Candidate, pictures: TrainingPictures, rows: IntArray) -> list[Example]:
    """The training example of each picture: labels as they are, tags unless they are contradicted."""
    evidence, target = candidate.snapshot.evidence, candidate.snapshot.target
    label_sources, _ = noisy_labels_of(evidence)
    belief = candidate.learned.belief
    identities = identities_of(evidence, artists=candidate.artists)
    examples = []
    for row in rows.tolist():
        characters = tuple(pictures.characters.get(int(evidence.version_ids[row]), ()))
        others = tuple(name for name in characters if name not in target.names)
        kind = LabelSource(int(label_sources[row]))
        characters = (*others, target.tag) if kind in (LabelSource.KEEP, LabelSource.TAGGED) else others
        doubtful = (kind is LabelSource.TAGGED and belief[row] < _CONTRADICTED) or (
            kind is LabelSource.OTHERS and belief[row] > 1 - _CONTRADICTED
        )
        labelled = bool(characters) and not doubtful
        part = SPLITS[int(candidate.split[row])]
        stratum = int(evidence.strata[row])
        examples.append(Example(identities[row], characters if labelled else (), labelled, part, stratum))
    return examples


def _candidate(
    candidate: Candidate,
    rows: IntArray,
    made: tuple[Path, Mapping[str, Any]],
    references: ReferencePixels | None,
    rounds: HeadRoundSettings,
) -> Candidate:
    """A head on the new network, compared with the model in force on the same pictures.

    Args:
        candidate: the new head on the old network.
        rows: of its evidence that the array in the work folder holds.
        made: the work folder, and the result of the training process.
        references: to be embedded again.
        rounds: how the head is learned.
    """
    folder, done = made
    package = _with_lineage(load_package(Path(done["targets"][0]["folder"])), candidate.snapshot.package)
    pictures = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)[: len(rows)]
    snapshot = candidate.snapshot
    evidence = replace(
        snapshot.evidence.rows(rows),
        vectors=embedded(package, pictures),
        windows={},  # those known are of the old network
        frozen_split=candidate.split[rows],
    )
    old = whole_picture_scores(snapshot.package.head, snapshot.evidence.rows(rows))
    renewed: Snapshot = replace(
        snapshot,
        package=package,
        evidence=evidence,
        old_scores=old,
        references=None if references is None else references.looked_at(package),
    )
    return replace(learn_candidate(renewed, rounds), network_changed=True, assigned=candidate.assigned)


def _with_lineage(package: Package, before: Package) -> Package:
    """The new network's package with the training pictures of the network that it started from."""
    if not package.snapshot.get("earlier"):
        return package
    split = taught_so_far(package.snapshot, before.snapshot)
    return replace(package, snapshot={**package.snapshot, "parts": split})


def _backbone_comparison(
    candidate: Candidate, pictures: TrainingPictures, rows: IntArray, renewed: Snapshot
) -> BackboneComparison | None:
    """Both networks on held-out pictures of a single character that both know; None: too few pictures."""
    before, after = candidate.snapshot.package, renewed.package
    shared = [name for name in before.classes if name in after.classes]
    held = np.flatnonzero(np.isin(candidate.split[rows], (VALIDATION, TEST)))
    ids = candidate.snapshot.evidence.version_ids[rows]
    names = [tuple(pictures.characters.get(int(ids[place]), ())) for place in held.tolist()]
    named = [place for place, its in enumerate(names) if len(its) == 1 and its[0] in shared]
    if len(shared) < 2 or len(named) < _LEAST_COMPARED:
        return None
    shown = np.array([shared.index(names[place][0]) for place in named], dtype=np.int64)
    old = _log_odds(before, candidate.snapshot.evidence.vectors[rows][held[named]], shared)
    return compared(old, _log_odds(after, renewed.evidence.vectors[held[named]], shared), shown)


def _log_odds(package: Package, vectors: npt.NDArray[np.float16], names: Sequence[str]) -> npt.NDArray[np.float16]:
    """A network's own log odds of these characters, the last columns of its embedding; shape (n, k)."""
    first = package.dimension - len(package.classes)
    return (
        known_or_plain(package.backbone_name).odds_weight
        * vectors[:, [first + package.classes.index(name) for name in names]]
    )
