"""What the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.package.package import write_package
from storage.records import ModelCard
from tests.classifier.tiny_models import TinyBackbone, card, make_backbone, make_head, make_parts


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    """An exported network of sixteen pixels."""
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="session")
def mona(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelCard, Path]:
    """A whole, good package and its card."""
    folder = tmp_path_factory.mktemp("models") / "mona" / "1"
    return card("mona", write_package(folder, make_parts(tiny, "mona", make_head()))), folder
