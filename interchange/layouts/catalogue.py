"""The formats by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from interchange.layouts.concepts import AiToolkit, OneTrainer
from interchange.layouts.hydrus import Hydrus
from interchange.layouts.imagefolder import ImageFolder
from interchange.layouts.kohya import Kohya
from interchange.layouts.layout import FolderLayout, LayoutOptions

SHARDS, TABLE = "webdataset", "csv"
FOLDER_LAYOUTS: Mapping[str, Callable[[LayoutOptions], FolderLayout]] = MappingProxyType(
    {one.name: one for one in (Kohya, OneTrainer, AiToolkit, ImageFolder, Hydrus)}
)
