"""Where a published network's first weights come from: installed, a file, a consented download, or none at all."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.backbones.catalogue import Origin
from classifier.errors import DeviceError
from classifier.weights.layer_arrays import LayerArrays, NotWeights
from system.regular_files import UnsafeFile

AUTO, NONE, PUBLISHED = "auto", "none", "imagenet"
WORDS = (AUTO, NONE, PUBLISHED)
"""Words of a setting `weights`; anything else is the path of a file or a folder."""


@dataclass(frozen=True, slots=True)
class WeightsChoice:
    """What a setting means on this machine."""

    place: Path | None  # a file or a folder; None: there is none
    download: bool = False  # from Keras' publisher


@dataclass(frozen=True, slots=True)
class WeightsOffer:
    """Which weights a network can begin with."""

    network: str
    published_mb: float  # megabytes to download for those of ImageNet
    how: str  # to get a package that has weights: what to type
    module: str = ""  # an installed Python package that has them; empty: no such package is known
    within: str = ""  # the file in it

    def installed(self) -> Path | None:
        """The weights of the installed package, if it is there."""
        found = importlib.util.find_spec(self.module) if self.module else None
        folders = list(found.submodule_search_locations or ()) if found else []
        return Path(folders[0]) / self.within if folders else None

    def chosen(self, setting: str, origin: Origin) -> WeightsChoice:
        """Where the weights come from; nothing is read yet.

        Args:
            setting: one of `WORDS`, or a path.
            origin: the user's own file, and whether a download is allowed.

        Raises:
            DeviceError: they are nowhere; says how to get them.
        """
        if setting == NONE:
            return WeightsChoice(None)
        if setting not in WORDS:
            return WeightsChoice(self._there(Path(setting).expanduser()))
        if setting == AUTO and origin.file is not None:
            return WeightsChoice(self._there(origin.file))
        if setting == AUTO and (package := self.installed()) is not None:
            return WeightsChoice(package)
        if origin.may_download:
            return WeightsChoice(None, download=True)
        raise DeviceError(
            f"{self.network} needs first weights: {self.how}; or allow the download of those of ImageNet, "
            f"{self.published_mb:.0f} MB (crawl.toml, [round_zero]: download_weights = true); "
            f"or weights={NONE} to learn from nothing"
        )

    def read(self, place: Path, reader: Callable[[Path], LayerArrays]) -> LayerArrays:
        """The arrays that lie there.

        Raises:
            DeviceError: nothing that can be read, or something else; says what.
        """
        try:
            return _finite(reader(place))
        except NotWeights as error:
            raise DeviceError(f"the weights {place} for {self.network} cannot be taken: it {error}") from error
        except UnsafeFile as error:
            raise DeviceError(f"the weights {place} for {self.network}: it {error.why}") from error
        except OSError as error:
            raise DeviceError(f"the weights {place} for {self.network} cannot be read: {error.strerror}") from error

    def _there(self, place: Path) -> Path:
        if not place.exists():
            raise DeviceError(f"the weights {place} for {self.network} do not exist; {self.how}")
        return place


def _finite(layers: LayerArrays) -> LayerArrays:
    for name, arrays in layers.items():
        if not all(np.isfinite(one).all() for one in arrays):
            raise NotWeights(f"has values in {name[:80]} that are no numbers")
    return layers
