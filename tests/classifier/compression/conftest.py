"""A tiny package, pictures, and what its network says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier.compression.job import CompressionJob, ParentAnswers, write_compression_job
from classifier.package.package import Package, load_package, write_package
from classifier.pictures.preprocessing import Pixels, Preprocessing, picture_array
from classifier.training.job import PICTURES
from tests.classifier.tiny_models import TinyBackbone, make_head, make_parts, paintings, png

COUNT = 96


@pytest.fixture(scope="session")
def package(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Package:
    folder = tmp_path_factory.mktemp("parents") / "mona"
    write_package(folder, make_parts(tiny, "mona", make_head(scale=0.5)))
    return load_package(folder)


@pytest.fixture(scope="session")
def shown(package: Package) -> Pixels:
    return shown_at(package.preprocessing)


def shown_at(preprocessing: Preprocessing) -> Pixels:
    return np.stack([picture_array(png(one), preprocessing) for one in paintings(COUNT, seed=3)])


@pytest.fixture(scope="session")
def answers(package: Package, tiny: TinyBackbone, shown: Pixels) -> ParentAnswers:
    """Six of ten pictures are to be learned from, and a person has labelled the first two."""
    vectors = tiny.embed(shown).astype(np.float16)
    labels = np.full(COUNT, -1, np.int8)
    labels[:2] = (1, 0)
    split = np.array([(0, 0, 0, 1, 2)[number % 5] for number in range(COUNT)], np.int8)
    return ParentAnswers(vectors, package.head.probabilities(vectors), labels, split)


def job_in(
    folder: Path, package: Package, answers: ParentAnswers, how: str, *words: str, size: int | None = None
) -> CompressionJob:
    """A job in a folder, ready for the process."""
    preprocessing = package.preprocessing if size is None else Preprocessing(size)
    job = CompressionJob(
        how=how,
        words=words,
        tag="mona_(genshin_impact)",
        parent=package.folder,
        parent_hash=package.hash,
        preprocessing=preprocessing,
        snapshot={"earlier": package.backbone_hash},
    )
    write_compression_job(folder, job, answers)
    np.save(folder / PICTURES, shown_at(preprocessing))
    return job
