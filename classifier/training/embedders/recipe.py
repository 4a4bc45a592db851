"""A recipe as the network of a target's model: two classes, the target and the rest, cut into embedding and head.

The head is the network's own last layer, calibrated on pictures that it was not trained on; so the package decides as
the recipe's softmax does, and crawls, rescores and is evaluated like every other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from classifier.arrays import BoolArray, IntArray
from classifier.backbones.catalogue import Origin
from classifier.head import EMBEDDING_DTYPE
from classifier.heads.logistic_head import LinearHead
from classifier.package.embedding_blocks import in_a_row
from classifier.progress import ProgressCallback
from classifier.recipes.catalogue import recipe_named
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import FitPlace, fit
from classifier.recipes.schedule import duration
from classifier.recipes.settings import changed_words, from_words
from classifier.recipes.trained import StageHistory, TrainedNetwork
from classifier.training.backbone_training import TrainingSummary
from classifier.training.embedders.frozen_features import looked_at
from classifier.training.history import TrainingHistory
from classifier.training.job import RecipeOrder, StageOrder, TrainingJob, stage_file
from classifier.training.pipeline import Embedded, Embedder, Material, rows_as_flags
from classifier.training.splits import Identity, Shares, group, split

TARGET, REST = 0, 1  # numbers of the classes
CLASSES = "classes"  # name of the stage that learns every class of a folder
_STAGE_SHARES = Shares(train=0.8, validation=0.1, test=0.1)  # two to eight; both small parts validate


def recipe_embedder(job: TrainingJob, order: RecipeOrder, folder: Path) -> Embedder:
    """What trains a recipe on the target against the rest.

    Args:
        job: for one target.
        order: what the recipe is asked for.
        folder: with the stages' pictures; files are written there meanwhile.

    Raises:
        ValueError: there are several targets.
        RecipeSettingError: the recipe knows no such setting.
    """
    recipe = recipe_named(job.backbone.name)
    settings = from_words(recipe.settings(), order.settings)
    if len(job.specs) != 1:
        raise ValueError(f"{recipe.name} learns one target at a time, got {len(job.specs)}")
    origin = Origin(job.backbone.weights, job.backbone.may_download)

    def embedded(material: Material, report: ProgressCallback) -> Embedded:
        shows = material.shows[:, 0] > 0.5
        main = _main(material, shows)
        held_out = np.concatenate([material.split.validation, material.split.test])
        others = [job.examples[row].identity for row in held_out.tolist()]
        stages = [stage_pictures(folder, number, stage, others) for number, stage in enumerate(order.stages)]
        place = FitPlace(order.checkpoints, order.logs, report)
        network = fit(recipe, settings, (job.specs[0].tag, "rest"), [*stages, main], origin=origin, place=place)
        every = len(material.pictures)
        numbers, files = looked_at(
            network.embedder,
            material.pictures,
            folder / "looked-at",
            report=lambda share: report("measuring", share, f"at {every} pictures"),
        )
        return Embedded(
            model=network.embedder,
            classes=(),
            blocks=in_a_row(taught=numbers.shape[1]),
            embeddings=numbers.astype(EMBEDDING_DTYPE).astype(np.float16),
            trained_on=rows_as_flags(material.split.train, every),
            training=summary_of(network, changed_words(settings), settings.epochs),
            fit_on_trained=False,
            halved=True,
            files=files,
            own_head=own_head(network),
        )

    return embedded


def shares_of(name: str, order: RecipeOrder) -> Shares:
    """How a recipe splits pictures, by groups.

    Raises:
        RecipeSettingError: it knows no such setting.
    """
    settings = from_words(recipe_named(name).settings(), order.settings)
    held_out = (settings.validation_share, settings.test_share)
    return Shares(1.0 - sum(held_out), *held_out)


def own_head(network: TrainedNetwork) -> LinearHead:
    """A softmax of two classes as the logistic head that it is."""
    return LinearHead(
        network.weights[:, TARGET] - network.weights[:, REST], float(network.bias[TARGET] - network.bias[REST])
    )


def _main(material: Material, shows: BoolArray) -> LabelledPictures:
    labels = np.where(shows, TARGET, REST).astype(np.int64)
    return LabelledPictures("target", material.pictures, labels, material.split.train, material.split.validation)


def stage_pictures(folder: Path, number: int, order: StageOrder, held_out: Sequence[Identity]) -> LabelledPictures:
    """A stage's pictures, without those that are copies of ones that the target's model is measured on."""
    pictures = np.load(folder / stage_file(number), mmap_mode="r", allow_pickle=False)[: len(order.identities)]
    labels = np.where(np.arange(len(order.identities)) < order.positives, TARGET, REST).astype(np.int64)
    groups = group([*order.identities, *held_out])
    own, theirs = groups[: len(labels)], groups[len(labels) :]
    usable: IntArray = np.flatnonzero(~np.isin(own, theirs)).astype(np.int64)
    dealt = split(own[usable], labels[usable].tolist(), shares=_STAGE_SHARES)
    validation = np.sort(np.concatenate([dealt.validation, dealt.test]))
    return LabelledPictures(order.name, pictures, labels, usable[dealt.train], usable[validation])


def summary_of(network: TrainedNetwork, settings: Sequence[str], epochs: int) -> TrainingSummary:
    """What a recipe's training took, with a line for each stage.

    Args:
        network: trained.
        settings: that differ from the recipe's own, as words.
        epochs: that were asked for.
    """
    last = network.history[-1]
    lines = [f"{network.embedder.name} with {', '.join(settings) or 'its default settings'}"]
    lines += [_words(one, epochs) for one in network.history]
    if network.resumed:
        lines.append("an interrupted training was gone on with")
    return TrainingSummary(
        steps=last.steps,
        planned_steps=last.planned_steps,
        seconds=sum(one.seconds for one in network.history),
        pictures_per_s=last.samples * len(last.epochs) / max(last.seconds, 1e-9),
        loss=last.kept.loss,
        self_trained=0,
        precision=network.precision,
        stages=tuple(lines),
        history=TrainingHistory(
            tuple(float(one.number) for one in last.epochs),
            tuple(one.loss for one in last.epochs),
            tuple(one.rate for one in last.epochs),
        ),
    )


def _words(stage: StageHistory, epochs: int) -> str:
    kept = stage.kept
    return (
        f"stage {stage.name}: {_counted(stage)}, {stage.samples} samples an epoch, {len(stage.epochs)} of {epochs} "
        f"epochs in {duration(stage.seconds)}; kept epoch {stage.best}: "
        f"accuracy {kept.validation_accuracy:.3f} on validation pictures, loss {kept.validation_loss:.3f} "
        f"(training {kept.loss:.3f})"
    )


def _counted(stage: StageHistory) -> str:
    if stage.name == CLASSES:
        return f"{sum(stage.counts)} pictures of {len(stage.counts)} classes"
    positives, negatives = stage.counts
    return f"{positives} pictures that show it and {negatives} that do not"
