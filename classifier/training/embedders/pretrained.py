"""Two ways to an embedding that begin with the pretrained network: as it is, in seconds; and fine-tuned, in minutes."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array, IntArray
from classifier.backbones import efficientnet_lite0, pretrained
from classifier.backbones.catalogue import FINE_TUNED, backbone_named
from classifier.backbones.folded_network import folded
from classifier.head import EMBEDDING_DTYPE
from classifier.heads.out_of_fold import Deals, deal_groups
from classifier.heads.tag_check import contradicted_pictures
from classifier.package.embedding_blocks import Block, in_a_row
from classifier.progress import ProgressCallback
from classifier.training import backbone_training
from classifier.training.embedders import fine_tuning, frozen_features
from classifier.training.pipeline import Embedded, Embedder, Material, report_training, rows_as_flags

_LEAST_SHARE = 0.35  # of the pictures, for the half to train on and for the half that chooses thresholds
_SCALE_SAMPLE = 256  # pictures that the scale of trained features is measured on


def frozen(seed: int) -> Embedder:
    """An embedder that trains nothing: the pretrained network, projected for this gallery."""

    def embedded(material: Material, report: ProgressCallback) -> Embedded:
        begun = time.monotonic()
        described = _described(material, seed, report)
        report("measuring", 0.0, "training heads")
        training = backbone_training.TrainingSummary(0, 0, time.monotonic() - begun, 0.0, 0.0, 0)
        nobody = np.zeros(len(material.pictures), dtype=np.bool_)
        blocks = in_a_row(published=described.embeddings.shape[1])
        return Embedded(described.backbone, (), blocks, _stored(described.embeddings), nobody, training, halved=True)

    return embedded


def fine_tuned(
    recipe: backbone_training.TrainingRecipe, folder: Path, earlier: Path | None, *, tags_may_lie: bool = True
) -> Embedder:
    """An embedder that trains the last stages on the characters of half of the tagged pictures.

    The other half, which the network never saw, chooses thresholds: so nothing is chosen on memorised pictures.
    Pictures whose tags the pretrained network contradicts are not trained on.

    Args:
        recipe: budget and seed; the rest is `fine_tuning.RECIPE`.
        folder: for files while it works.
        earlier: a network file whose projection is kept where it is of the same numbers; None: it is fitted anew.
        tags_may_lie: False for a person's folders, all of which are trained on.
    """

    def embedded(material: Material, report: ProgressCallback) -> Embedded:
        projection = None if earlier is None else fine_tuning.projection_of(earlier)
        rows = half = training_half(material, recipe.seed)
        if projection is None or tags_may_lie:
            described = _described(material, recipe.seed, report, projection)
            projection = described.projection
        if tags_may_lie:
            rows = without_contradicted(half, material, described.embeddings, recipe.seed)
        raw = pretrained.raw(material.pictures.shape[1], efficientnet_lite0.published_weights())
        published = pretrained.projected(raw, projection)  # with its normalisation, which training needs
        training_set = backbone_training.TrainingSet(
            material.pictures[rows], material.shows[rows], material.pictures[:0]
        )
        how = replace(fine_tuning.RECIPE, seed=recipe.seed, time_budget_s=recipe.time_budget_s)
        network, training = fine_tuning.fine_tuned(
            published, training_set, how, report=lambda at: report_training(report, at)
        )
        sample = material.pictures[rows[:_SCALE_SAMPLE]].astype(np.float32)
        whole = folded(fine_tuning.joined(published, network, sample))
        numbers, files = frozen_features.looked_at(
            whole, material.pictures, folder, report=lambda share: report("measuring", share, _words(material))
        )
        return Embedded(
            model=whole,
            classes=material.classes,
            blocks=_blocks(int(published.output_shape[1]), numbers.shape[1], len(material.classes)),
            embeddings=_stored(numbers),
            trained_on=rows_as_flags(half, len(numbers)),  # doubtful tags choose nothing either
            training=replace(training, left_out=len(half) - len(rows)),
            odds_weight=fine_tuning.ODDS_WEIGHT,
            fit_on_trained=backbone_named(FINE_TUNED).fit_on_trained,
            halved=True,
            files=files,
        )

    return embedded


def _blocks(published: int, every: int, characters: int) -> tuple[Block, ...]:
    """Of the joined network's embedding, as `fine_tuning.joined` puts it together."""
    return in_a_row(published=published, taught=every - published - characters, log_odds=characters)


def training_half(material: Material, seed: int) -> IntArray:
    """About half of the tagged pictures that are not kept for tests, whole groups at a time; rows, rising.

    Where earlier rounds have chosen such a half already, it is that one: the others stay held out.
    """
    train, rows = material.split.train, np.sort(np.concatenate([material.split.train, material.split.validation]))
    if _LEAST_SHARE * len(rows) <= len(train) <= (1 - _LEAST_SHARE) * len(rows):
        return np.sort(train)
    return np.asarray(rows[deal_groups(material.groups[rows], 2, seed) == 0], dtype=np.int64)


def without_contradicted(rows: IntArray, material: Material, embeddings: Float32Array, seed: int) -> IntArray:
    """The rows whose tags a network contradicts that was trained on none of these pictures are left out.

    Args:
        rows: to be trained on.
        material: whose tagged pictures tell what each character looks like, but for those kept for tests.
        embeddings: of all pictures, by that network, shape (n, d).
        seed: of the folds.
    """
    tagged = np.sort(np.concatenate([material.split.train, material.split.validation]))
    wrong = contradicted_pictures(embeddings[tagged], material.shows[tagged], material.groups[tagged], Deals(seed=seed))
    return rows[~np.isin(rows, tagged[wrong])]


def _described(
    material: Material, seed: int, report: ProgressCallback, projection: pretrained.Projection | None = None
) -> frozen_features.Described:
    return frozen_features.describe(
        material.pictures,
        projection=projection,
        seed=seed,
        report=lambda share: report("looking", share, _words(material)),
    )


def _words(material: Material) -> str:
    return f"at {len(material.pictures)} pictures"


def _stored(numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    return numbers.astype(EMBEDDING_DTYPE).astype(np.float16)
