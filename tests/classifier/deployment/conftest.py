"""A tiny package of each kind, exported in every format once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifier.deployment.export import ExportOrder
from classifier.deployment.formats import FORMATS
from classifier.package.canaries import Canary
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import picture_array
from classifier.recognition.certainty import Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.package import RecogniserPackage, RecogniserParts, load_recogniser, write_recogniser
from classifier.recognition.recogniser import Recogniser
from storage.records import ModelCard
from tests.classifier.tiny_models import DIMENSION, TinyBackbone, paintings, png

CLASSES = ("keqing", "lisa", "mona")
Order = Callable[[str], ExportOrder]


@pytest.fixture(scope="session")
def package(mona: tuple[ModelCard, Path]) -> Package:
    return load_package(mona[1])


@pytest.fixture(scope="session")
def order(package: Package) -> Order:
    """An export of the target's model in a format."""
    return lambda form: ExportOrder("mona/1", package, FORMATS[form], "9.9")


@pytest.fixture(scope="session")
def recogniser(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> RecogniserPackage:
    random, pictures = np.random.default_rng(4), [png(image) for image in paintings(5, seed=2)]
    embeddings = tiny.embed(np.stack([picture_array(one, tiny.files.preprocessing) for one in pictures]))
    head = ClassHead(CLASSES, random.normal(size=(DIMENSION, 3)).astype(np.float32), random.normal(size=3), 1.7)
    folder = tmp_path_factory.mktemp("recognisers") / "family"
    canaries = [Canary(*pair) for pair in zip(pictures, embeddings, strict=True)]
    parts = RecogniserParts(
        name="family", backbone=tiny.files, recogniser=Recogniser(head, Limits(top=0.4)), canaries=canaries
    )
    write_recogniser(folder, parts)
    return load_recogniser(folder)
