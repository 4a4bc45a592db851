"""Painted pictures for the scarce classes of a recogniser: how many, and that they are learned from alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import unreported
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.job import PICTURES, FirstWeights, read_job, write_job
from classifier.training.recogniser_job import LabelledExample, RecogniserJob, material_of
from classifier.training.splits import Identity
from rounds.errors import TooLittleToLearn
from rounds.generation.paintings import PaintingPlace, SyntheticSource
from rounds.generation.synthetic_fill import filled_classes
from tests.rounds.generation.test_synthetic_fill import Decoder, source, spread_hash


def job_of(mona: int, keqing: int) -> RecogniserJob:
    names = ["mona"] * mona + ["keqing"] * keqing
    examples = [
        LabelledExample(Identity(row + 1, md5=f"{row:032x}", picture_hash=spread_hash(row)), name)
        for row, name in enumerate(names)
    ]
    return RecogniserJob(
        name="family",
        examples=examples,
        preprocessing=Preprocessing(8),
        backbone=FirstWeights("small"),
        recipe=TrainingRecipe(),
        snapshot={"how": "classes"},
    )


def fill(folder: Path, painter: SyntheticSource, mona: int = 30, keqing: int = 50) -> RecogniserJob:
    np.save(folder / PICTURES, np.zeros((mona + keqing, 8, 8, 3), np.uint8))
    place = PaintingPlace(folder, Decoder(), unreported)
    return asyncio.run(filled_classes(job_of(mona, keqing), painter, place))


def painted(job: RecogniserJob) -> list[LabelledExample]:
    return [one for one in job.examples if one.synthetic]


def test_scarce_classes_are_filled_up_to_the_number_asked_for(tmp_path: Path) -> None:
    job = fill(tmp_path, replace(source(), up_to=60))

    counts = job.snapshot["synthetic"]["pictures"]
    assert counts == {"mona": 30, "keqing": 10}
    assert len(painted(job)) == job.snapshot["synthetic"]["learned_from"] == 40 - 1  # one cannot be decoded
    assert len(np.load(tmp_path / PICTURES)) == len(job.examples)


def test_without_a_number_a_class_is_doubled_at_most(tmp_path: Path) -> None:
    assert fill(tmp_path, source(), 15, 50).snapshot["synthetic"]["pictures"] == {"mona": 15}


def test_painted_pictures_and_those_behind_them_are_learned_from_alone(tmp_path: Path) -> None:
    job = fill(tmp_path, source(learned=range(12)))

    assert all(one.taught for one in painted(job))
    assert [one.taught for one in job.examples[:80]] == [True] * 12 + [False] * 68
    split = material_of(job, np.load(tmp_path / PICTURES)).split
    assert {row for row, one in enumerate(job.examples) if one.taught} <= set(split.train.tolist())
    for rows in (split.validation, split.test):
        assert rows.size and not any(job.examples[row].synthetic for row in rows.tolist())


def test_a_generator_that_has_seen_a_class_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLittleToLearn, match="nearly all pictures of mona: 9 are left to choose and to measure by"):
        fill(tmp_path, source(learned=range(21)))


def test_the_marks_reach_the_training_process(tmp_path: Path) -> None:
    job = fill(tmp_path, source(learned=range(12)))

    write_job(tmp_path, job)
    there: Any = read_job(tmp_path, RecogniserJob)

    assert list(there.examples) == list(job.examples) and there.snapshot == job.snapshot
