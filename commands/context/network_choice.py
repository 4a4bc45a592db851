"""Which network is trained, and where its first weights come from: checked before anything long begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.backbones.catalogue import (
    BACKBONES,
    FINE_TUNED,
    Origin,
    backbone_named,
    check_origin,
    resolved,
    to_train,
)
from classifier.errors import DeviceError
from classifier.package.package import Package
from classifier.pictures.preprocessing import Preprocessing
from classifier.recipes.catalogue import recipe_named
from classifier.recipes.settings import RecipeSettings, from_words
from commands.context.settings import RoundZero, Settings
from commands.errors import UsageRefused
from rounds.training_job import preprocessing_for


@dataclass(frozen=True, slots=True)
class NetworkChoice:
    """A network that is to be trained."""

    name: str
    preprocessing: Preprocessing
    weights: Path | None  # a local file
    may_download: bool
    recipe: RecipeSettings | None = None  # of the recipe that the name means; None: it is a backbone


def chosen_recipe(name: str, words: Sequence[str], settings: Settings) -> NetworkChoice:
    """A recipe with its settings: the file's, then the words on top.

    Args:
        name: of a recipe.
        words: KEY=VALUE, as typed.
        settings: `crawl.toml`.

    Raises:
        RecipeSettingError: the recipe knows no such setting or value.
        UsageRefused: its first weights are neither at hand nor allowed to be downloaded.
    """
    recipe = recipe_named(name)
    chosen = from_words(settings.networks.get(name) or recipe.settings(), words)
    round_zero = settings.round_zero
    origin = Origin(Path(round_zero.weights) if round_zero.weights else None, round_zero.download_weights)
    try:
        recipe.check(chosen, origin)
    except DeviceError as error:
        raise UsageRefused(str(error)) from error
    return NetworkChoice(name, chosen.preprocessing(), origin.file, origin.may_download, chosen)


def chosen_network(named: str | None, in_force: Package | None, round_zero: RoundZero) -> NetworkChoice:
    """The network that was named, else the one in force, else the one of the settings.

    Args:
        named: by the user; a known name.
        in_force: package of the model in force, if any.
        round_zero: the settings.

    Raises:
        UsageRefused: its weights are neither at hand nor allowed to be downloaded; says their size, and what to do.
    """
    name = resolved(named or (to_train(in_force.backbone_name) if in_force else round_zero.network))
    same = in_force is not None and in_force.backbone_name == name
    if name not in BACKBONES:
        raise UsageRefused(
            f"the network in force, {name}, cannot be trained here; name another: --network {'|'.join(BACKBONES)}"
        )
    if in_force is not None and named is None and same:  # its training goes on from the weights that it has
        return NetworkChoice(name, in_force.preprocessing, None, may_download=False)
    origin = first_weights(name, round_zero)
    preprocessing = preprocessing_for(name)
    if in_force is not None and same:  # from its first weights: nothing holds it to an older version
        preprocessing = replace(in_force.preprocessing, version=preprocessing.version)
    return NetworkChoice(name, preprocessing, origin.file, origin.may_download)


def trains_beside(round_zero: RoundZero) -> bool:
    """Whether a first model is learned without training, and the network is trained beside the crawl."""
    return round_zero.network_beside and resolved(round_zero.network) == FINE_TUNED


def first_weights(name: str, round_zero: RoundZero) -> Origin:
    """Where a network's first weights come from; refused now, not after thousands of pictures were brought for it.

    A weights file of the settings belongs to their network, unless that one learns from scratch.

    Raises:
        UsageRefused: they are neither at hand nor allowed to be downloaded.
    """
    name, setting = resolved(name), resolved(round_zero.network)
    own_file = name == setting or backbone_named(setting).published_mb is None
    origin = Origin(Path(round_zero.weights) if round_zero.weights and own_file else None, round_zero.download_weights)
    try:
        check_origin(backbone_named(name), origin)
    except DeviceError as error:
        raise UsageRefused(f"{error} (crawl.toml, [round_zero]: network, weights, download_weights = true)") from error
    return origin
