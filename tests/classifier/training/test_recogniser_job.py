"""A recogniser from labelled pictures: honest figures, nobody where it should be, one package at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.errors import TooFewExamples
from classifier.package.embedding_blocks import in_a_row
from classifier.pictures.preprocessing import Pixels, picture_array
from classifier.recognition.certainty import Limits
from classifier.recognition.package import load_recogniser
from classifier.training.backbone_training import TrainingRecipe, TrainingSummary
from classifier.training.job import FirstWeights, read_job, write_job
from classifier.training.pipeline import Embedded, Embedder
from classifier.training.recogniser_job import (
    MEASURED,
    LabelledExample,
    RecogniserJob,
    make_recogniser,
)
from classifier.training.splits import Identity
from tests.classifier.tiny_models import DIMENSION, TinyBackbone, coloured, png

COLOURS = {"bart": (230, 30, 30), "homer": (30, 230, 30), "lisa": (30, 30, 230), "nobody": (128, 128, 128)}


def silent(stage: str, share: float, words: str) -> None:
    """No progress."""


def material(
    tiny: TinyBackbone, names: tuple[str, ...] = ("bart", "homer", "lisa"), styles: bool = False, each: int = 16
) -> tuple[RecogniserJob, Pixels]:
    random = np.random.default_rng(5)
    examples, pictures = [], []
    for number in range(each * len(names)):
        name = names[number % len(names)]
        colour = np.clip(np.array(COLOURS[name]) + random.integers(-20, 20, 3), 0, 255)
        style = ("flat", "round")[number % 2] if styles else ""
        image = coloured(*(int(value) for value in colour))
        pictures.append(picture_array(png(image), tiny.files.preprocessing))
        identity = Identity(post_id=number + 1, md5=f"{number:032x}", picture_hash=int(random.integers(2**62)))
        examples.append(LabelledExample(identity, name, style))
    job = RecogniserJob(
        name="family",
        examples=examples,
        preprocessing=tiny.files.preprocessing,
        backbone=FirstWeights("tiny"),
        recipe=TrainingRecipe(),
        snapshot={"how": "classes"},
    )
    return job, np.stack(pictures)


def looking(tiny: TinyBackbone, trained_on: slice = slice(0, 0)) -> Embedder:
    """The tiny network as it is; as if it had been trained on some of the pictures."""

    def embedder(material: object, report: object) -> Embedded:
        pictures = material.pictures  # type: ignore[attr-defined]
        flags = np.zeros(len(pictures), dtype=np.bool_)
        flags[trained_on] = True
        return Embedded(
            model=None,
            classes=(),
            blocks=in_a_row(all=DIMENSION),
            embeddings=tiny.embed(pictures).astype(np.float16),
            trained_on=flags,
            training=TrainingSummary(0, 0, 0.1, 0.0, 0.0, 0),
            files=tiny.files,
        )

    return embedder


def test_classes_that_differ_are_recognised_and_the_package_says_how_well(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny)
    done = make_recogniser(tmp_path, job, pictures, looking(tiny), silent)
    package = load_recogniser(Path(done["folder"]), expected_hash=done["hash"])
    answers = package.recogniser.recognise(tiny.embed(pictures))
    assert [one.likeliest for one in answers] == [example.name for example in job.examples]
    assert package.metrics["out_of_fold"]["accuracy"]["value"] > 0.9
    assert package.metrics["strangers_refused"] is not None
    assert "accuracy" in (package.report("report.txt") or b"").decode()
    assert package.snapshot["parts"]["train"] == [example.identity.md5 for example in job.examples]


def test_nobody_as_a_class_needs_no_limits(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny, ("bart", "lisa", "nobody"))
    package = load_recogniser(Path(make_recogniser(tmp_path, job, pictures, looking(tiny), silent)["folder"]))
    assert package.recogniser.classes[-1] == "nobody"
    assert package.recogniser.limits == Limits()
    said = package.recogniser.decide(package.recogniser.scores(tiny.embed(pictures)))
    assert {name for name, example in zip(said, job.examples, strict=True) if example.name == "nobody"} == {None}


def test_styles_get_a_head_of_their_own_where_the_folder_says_them(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny, styles=True)
    package = load_recogniser(Path(make_recogniser(tmp_path, job, pictures, looking(tiny), silent)["folder"]))
    assert package.recogniser.styles is not None
    assert package.recogniser.styles.classes == ("flat", "round")


def test_pictures_that_the_network_was_trained_on_do_not_measure_it(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny, each=24)
    done = make_recogniser(tmp_path, job, pictures, looking(tiny, slice(0, 36)), silent)
    assert done["metrics"]["out_of_fold"]["pictures"] == 36
    assert "flattered" not in done["metrics"]


def test_figures_on_training_pictures_are_called_flattered(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny)
    done = make_recogniser(tmp_path, job, pictures, looking(tiny, slice(0, 48)), silent)
    assert done["metrics"]["flattered"] is True
    assert "flatter it" in done["report"]


def test_a_precision_that_cannot_be_had_is_admitted(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny)
    noise = replace(
        job, precision=0.9999, examples=[job.examples[row] for row in np.random.default_rng(1).permutation(48).tolist()]
    )
    done = make_recogniser(tmp_path, noise, pictures, looking(tiny), silent)
    assert done["metrics"]["goal_reached"] is False
    assert "out of reach" in done["report"]


def test_a_class_of_one_picture_many_times_is_refused(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny)
    same = [
        replace(each, identity=replace(each.identity, picture_hash=77)) if each.name == "bart" else each
        for each in job.examples
    ]
    with pytest.raises(TooFewExamples, match="the class bart: found 1 pictures that are not nearly the same"):
        make_recogniser(tmp_path, replace(job, examples=same), pictures, looking(tiny), silent)


def test_a_job_reads_as_it_was_written(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, _ = material(tiny, styles=True)
    write_job(tmp_path, job)
    assert read_job(tmp_path, RecogniserJob) == replace(job, examples=tuple(job.examples))


def test_painted_pictures_are_learned_from_and_neither_measured_nor_kept(tiny: TinyBackbone, tmp_path: Path) -> None:
    job, pictures = material(tiny)
    marks = {0: "seen", 1: "seen", 45: "painted", 46: "painted", 47: "painted"}
    examples = [
        replace(one, taught=row in marks, synthetic=marks.get(row) == "painted") for row, one in enumerate(job.examples)
    ]
    painted = {one.identity.md5 for one in examples if one.synthetic}

    done = make_recogniser(tmp_path, replace(job, examples=examples), pictures, looking(tiny), silent)

    package = load_recogniser(Path(done["folder"]))
    parts = package.snapshot["parts"]
    assert set(parts["synthetic"]) == painted and len(parts["train"]) == 45
    assert not painted & set(parts["train"])
    measured = json.loads((tmp_path / MEASURED).read_bytes())
    assert set(measured) == {one.identity.md5 for one in examples if not one.taught}
    assert done["metrics"]["out_of_fold"]["pictures"] == 43
    assert "learned from 3 synthetic pictures, too; none of them chose or measured anything" in done["report"]
