"""The formats by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from interchange.layouts.kohya import Kohya
from interchange.layouts.layout import FolderLayout, LayoutOptions

FOLDER_LAYOUTS: Mapping[str, Callable[[LayoutOptions], FolderLayout]] = MappingProxyType({"kohya": Kohya})
