"""Pruning: the channels that amount to least are taken out of a network, which is really smaller then.

Zeros in place of weights speed nothing up: the convolutions are built anew with fewer filters. What was lost is then
learned back from what the network gave before, on the gallery's pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import BoolArray
from classifier.backbones.catalogue import MADE_OF, known_or_plain
from classifier.compression.channels import Channels, Weighted, channels_of, importance, parameters
from classifier.compression.compressed_package import Compressed
from classifier.compression.distillation import GENTLE, trained_on, training_facts, training_words
from classifier.compression.job import CompressionJob, ParentAnswers
from classifier.compression.settings import PruneSettings
from classifier.compression.soft_targets import SoftTargets, soft_targets
from classifier.errors import DeviceError
from classifier.heads.logistic_head import WeightedExamples, fit_head, starting_head
from classifier.package.export import export_backbone
from classifier.package.half_precision import is_half, layers_of
from classifier.package.keras_file import loaded_network
from classifier.package.package import Package
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.training.backbone_training import Network
from classifier.training.pipeline import report_training

PRUNED = "pruned"
LEAST_LEFT = 0.25  # share of a layer's channels
_MOST_HEAD = 2000  # pictures that the target's answers are fitted to
_L2 = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """A network with fewer channels."""

    network: Any  # keras.Model
    before: int  # weights
    after: int
    channels: int  # that were taken out


def pruned(network: Any, share: float) -> Pruned:
    """A network without its least channels, not trained again.

    Args:
        network: a functional `keras.Model`; what it takes and gives stays as it is.
        share: of its weights that is left, 0..1.

    Raises:
        DeviceError: so few cannot be reached: what must stay has more; says how many.
    """
    channels = channels_of(network)
    kept = _kept(channels, share * network.count_params() - _others(network, channels))
    smaller = _rebuilt(network, channels, kept)
    if smaller.count_params() > (share + 0.01) * network.count_params():
        least = smaller.count_params() / network.count_params()
        raise DeviceError(
            f"a share of {share:g} of the parameters cannot be reached: {least:.2f} are left when every layer has "
            f"{LEAST_LEFT:.0%} of its channels; --set parameters={least + 0.01:.2f}"
        )
    return Pruned(smaller, network.count_params(), smaller.count_params(), int((~kept).sum()))


def _others(network: Any, channels: Channels) -> int:
    """Weights of layers that nothing can be taken from."""
    every = np.ones(len(channels.roots()), dtype=np.bool_)
    return int(network.count_params()) - parameters(channels, every)


def _kept(channels: Channels, most: float) -> BoolArray:
    """Which channels stay, (n,): all that are fixed, and the most important others, as long as weights are left."""
    roots, worth = channels.roots(), importance(channels)
    fixed = np.zeros(len(roots), dtype=np.bool_)
    fixed[roots[sorted(channels.fixed)]] = True
    free = [int(one) for one in np.unique(roots) if not fixed[one] and np.isfinite(worth[one])]
    free.sort(key=lambda one: float(worth[one]))
    makers = [roots[one.out] for one in channels.layers if one.out is not one.into]
    low, high = 0, len(free)  # how many of them go: the fewest that leave few enough weights
    while low < high:
        middle = (low + high) // 2
        if parameters(channels, _without(free[:middle], roots, makers)) <= most:
            high = middle
        else:
            low = middle + 1
    return _without(free[:low], roots, makers)


def _without(going: list[int], roots: Any, makers: list[Any]) -> BoolArray:
    """All channels but these, and but those that a layer would be left with too few without."""
    left = [{"now": len(one), "least": int(np.ceil(LEAST_LEFT * len(one)))} for one in makers]
    of: dict[int, list[int]] = {}
    for number, one in enumerate(makers):
        for root in np.unique(one).tolist():
            of.setdefault(root, []).append(number)
    gone = np.zeros(len(roots), dtype=np.bool_)
    for root in going:
        if all(left[number]["now"] > left[number]["least"] for number in of.get(root, ())):
            gone[root] = True
            for number in of.get(root, ()):
                left[number]["now"] -= 1
    return np.asarray(~gone[roots])


def _rebuilt(network: Any, channels: Channels, kept: BoolArray) -> Any:
    """The network with the layers that the kept channels need, and their weights."""
    import keras

    weighted = {id(one.layer): one for one in channels.layers}
    made: dict[int, tuple[Any, Any]] = {}  # by the old layer's id: old and new

    def renewed(layer: Any) -> Any:
        if id(layer) not in made:
            made[id(layer)] = (layer, _renewed(layer, weighted.get(id(layer)), kept, renewed))
        return made[id(layer)][1]

    smaller = keras.models.clone_model(network, clone_function=renewed)
    for old, new in made.values():
        if getattr(old, "weights", None) and not isinstance(old, keras.Model):
            new.set_weights(_sliced(old, weighted.get(id(old)), kept))
    return smaller


def _renewed(layer: Any, one: Weighted | None, kept: BoolArray, renew: Any) -> Any:
    import keras

    if isinstance(layer, keras.Model):
        return keras.models.clone_model(layer, clone_function=renew)
    config = layer.get_config()
    if one is not None and one.out is not one.into:
        config["units" if "units" in config else "filters"] = int(kept[one.out].sum())
    return type(layer).from_config(config)


def _sliced(layer: Any, one: Weighted | None, kept: BoolArray) -> list[Any]:
    """A layer's weights for the channels that are kept."""
    weights = layer.get_weights()
    if one is None:
        return list(weights)
    into, out = kept[one.into], kept[one.out]
    if one.out is not one.into:
        return [value[..., into, :][..., out] if value.ndim > 1 else value[out] for value in weights]
    return [value[..., into, :] if value.ndim > 1 else value[out] for value in weights]  # filters of one channel each


def prune(
    folder: Path, job: CompressionJob, parent: Package, given: tuple[Pixels, ParentAnswers], report: ProgressCallback
) -> Compressed:
    """Take channels out of a package's network, and let it learn back what it knew.

    Args:
        folder: for the files.
        job: what was asked for.
        parent: the package.
        given: the pictures, and what the parent says of them.
        report: progress.

    Raises:
        DeviceError: so few parameters cannot be reached, or Keras refuses the network.
    """
    pictures, answers = given
    settings = job.asked(PruneSettings)
    network = loaded_network(parent.keras)
    halved = is_half(network)
    smaller = pruned(network, settings.parameters)
    report("pruning", 1.0, f"{smaller.before} parameters to {smaller.after}")
    targets = soft_targets(parent, answers, job.tag, settings.seed)
    rows = np.flatnonzero(answers.train)
    learning = _learning(smaller.network, parent, answers, targets)
    training = trained_on(
        learning,
        np.asarray(pictures[rows]),
        targets.rows(rows),
        settings,
        lambda at: report_training(report, at),
        GENTLE,
    )
    name = f"{parent.backbone_name.partition(MADE_OF)[0]}{MADE_OF}{PRUNED}"
    files = export_backbone(
        smaller.network, folder, name=name, preprocessing=parent.preprocessing, classes=parent.classes, halved=halved
    )
    facts = {"parameters": smaller.after, "parent_parameters": smaller.before, **training_facts(training)}
    words = (
        f"pruned from {smaller.before} to {smaller.after} parameters ({smaller.after / smaller.before:.0%}), "
        f"{smaller.channels} channels less; {training_words(training)}"
    )
    return Compressed(
        files=replace(files, blocks=parent.blocks),
        facts=facts | {"words": words},
        taught=training.facts(),
        history=training.history,
    )


def _learning(smaller: Any, parent: Package, answers: ParentAnswers, targets: SoftTargets) -> Network:
    """The pruned network with the targets' columns on top of its embedding, by fixed weights."""
    import keras

    _let_learn(smaller)
    weights, bias = _columns(parent, answers, targets)
    layer = keras.layers.Dense(weights.shape[1], dtype="float32", name="columns", trainable=False)
    logits = keras.Model(smaller.inputs, layer(smaller.outputs[0]), name="student")
    layer.set_weights([weights, bias])
    return Network(logits, smaller, len(targets.classes))


def _let_learn(network: Any) -> None:
    """All layers learn but normalisations that were frozen: they keep the statistics that they were published with."""
    import keras

    normal = [one for one in layers_of(network) if isinstance(one, keras.layers.BatchNormalization)]
    frozen = [one for one in normal if not one.trainable]
    network.trainable = True
    for one in frozen:
        one.trainable = False


def _columns(parent: Package, answers: ParentAnswers, targets: SoftTargets) -> tuple[Any, Any]:
    """Weights and bias that make an embedding the targets' columns: all of them are sums of its numbers."""
    rows = np.flatnonzero(answers.train)[:_MOST_HEAD]
    own = fit_head(
        WeightedExamples.of(answers.vectors[rows], answers.scores[rows]), _L2, starting_head(parent.dimension, None)
    )
    odds = np.zeros((parent.dimension, len(targets.classes)), np.float32)
    first, weight = parent.dimension - len(parent.classes), known_or_plain(parent.backbone_name).odds_weight
    for column, name in enumerate(targets.classes[:-1]):
        odds[first + parent.classes.index(name), column] = weight
    odds[:, -1] = own.weights
    bias = np.concatenate([np.zeros(len(targets.classes) - 1), [own.bias], -targets.centre @ targets.basis])
    return np.concatenate([odds, targets.basis], axis=1), bias.astype(np.float32)
