"""The generator's process, at its inner end."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import TooFewExamples
from classifier.generator.assessment import assess
from classifier.generator.job import JOB, GeneratorJob, check_enough, learned_from, training_pictures
from classifier.generator.samples import PaintOrder
from classifier.generator.settings import experiment_settings
from classifier.generator.trainer import train_generator
from classifier.generator.worker import run
from tests.classifier.generator.tiny_generator import SMALL, colours, squares, tiny_data, tiny_job

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when it saves


def lines(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = run(arguments, out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_it_reports_how_far_it_is_and_what_it_has_made(tmp_path: Path) -> None:
    tiny_job(tmp_path / "work", experiment="4")

    code, said = lines("train", str(tmp_path / "work"))

    assert code == 0
    assert [line["stage"] for line in said if "stage" in line][:1] == ["loading"]
    assert said[-2]["stage"] == "writing" and "left" in said[-3]["words"]
    done = said[-1]["done"]
    assert (done["experiment"], done["told"], done["quality"]) == ("4", 0, None)
    assert Path(done["folder"], "generator.keras").is_file()


def test_what_fails_is_one_line_with_its_kind(tmp_path: Path) -> None:
    missing = lines("train", str(tmp_path / "nowhere"))
    no_model = lines("paint", PaintOrder(str(tmp_path), str(tmp_path), 1).text())
    tiny_job(tmp_path / "work")
    (tmp_path / "work" / "pictures.npy").write_bytes(b"no array")
    broken = lines("train", str(tmp_path / "work"))

    assert (missing[0], missing[1][-1]["error"]) == (1, "OSError")
    assert (no_model[0], no_model[1][-1]["error"]) == (1, "PackageError")
    assert (broken[0], broken[1][-1]["error"]) == (1, "DeviceError")


def test_near_duplicates_and_sets_are_never_in_two_splits(tmp_path: Path) -> None:
    job = tiny_job(tmp_path)
    pictures = tuple(
        one if row % 2 else type(one)(one.md5, one.label, job.pictures[row + 1].hash)
        for row, one in enumerate(job.pictures)
    )
    job = GeneratorJob.of(type(job)(job.name, job.source, job.experiment, job.words, pictures).text())

    data = training_pictures(job, squares())

    for rows in (data.train, data.validation, data.test):
        assert all(row ^ 1 in rows for row in rows.tolist())  # pairs 0,1 · 2,3 · … are nearly one picture
    learned = learned_from(job, data)
    assert not {job.pictures[row].md5 for row in data.test} & set(learned.md5s)


def test_too_few_pictures_are_counted() -> None:
    with pytest.raises(TooFewExamples, match=r"found 3 pictures \(at least 50\)"):
        check_enough("faces", 3)


def test_the_figures_are_of_pictures_that_decided_nothing() -> None:
    data = tiny_data()
    done = train_generator(data, experiment_settings("best", SMALL), colours)

    quality = assess(done, data, colours, 50, [1, 2])

    assert quality is not None
    assert (quality.painted, quality.real) == (50, 20)
    assert quality.distance.value > quality.of_training.value
    assert 0 <= quality.precision <= 1 and 0 <= quality.recall <= 1
    few = type(data)(data.pictures, data.labels, data.names, data.train, data.validation, data.test[:19])
    assert assess(done, few, colours, 50, []) is None


def test_a_job_reads_as_it_was_written(tmp_path: Path) -> None:
    job = tiny_job(tmp_path)

    assert GeneratorJob.of((tmp_path / JOB).read_text()) == job
    assert job.names == ("blue", "red") and np.bincount(job.labels).tolist() == [30, 30]
