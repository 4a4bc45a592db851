"""A recipe's training ends in an ordinary package, whose head is the network's own last layer."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.package.package import load_package
from classifier.pictures.preprocessing import Preprocessing
from classifier.recipes.settings import from_words, words_of
from classifier.recipes.simpsons_cnn import SimpsonsCnnSettings
from classifier.recipes.trained import TrainedNetwork
from classifier.training.embedders.recipe import own_head, shares_of, stage_pictures
from classifier.training.job import (
    PICTURES,
    FirstWeights,
    RecipeOrder,
    StageOrder,
    TrainingJob,
    stage_file,
    write_job,
)
from classifier.training.pipeline import Example, TargetSpec, TrainingPlan
from classifier.training.splits import Identity, Shares
from classifier.training.worker import run

WORDS = ("size=16", "epochs=5", "rate=0.003", "dropout=0", "turn=0", "shift=0", "noise=0", "mirror=no")
HASHES = [int(one) for one in np.random.default_rng(5).integers(0, 2**63, 400)]  # of drawings that are not alike
SETTINGS = from_words(SimpsonsCnnSettings(), WORDS)


def squares(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the pictures have a red square, half a blue one."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 90, (count, 16, 16, 3)).astype(np.uint8)
    red = np.arange(count) % 2 == 0
    pictures[red, 4:12, 4:12, 0] = 220
    pictures[~red, 4:12, 4:12, 2] = 220
    return pictures, red


def prepare(folder: Path, **changes: Any) -> np.ndarray:
    pictures, red = squares(240, 0)
    examples = [
        Example(Identity(row + 1, md5=f"main {row}", picture_hash=HASHES[row]), ("red" if shows else "blue",), True)
        for row, shows in enumerate(red.tolist())
    ]
    of_stage, shows = squares(60, 1)
    of_stage = of_stage[np.argsort(~shows, kind="stable")]
    identities = [Identity(row + 1, md5=f"stage {row}", picture_hash=HASHES[300 + row], site="x") for row in range(60)]
    np.save(folder / PICTURES, pictures)
    np.save(folder / stage_file(0), of_stage)
    job = TrainingJob(
        examples=examples,
        specs=[TargetSpec("red", "red")],
        plan=TrainingPlan(tags_may_lie=False),
        preprocessing=Preprocessing(16, "stretch"),
        backbone=FirstWeights("simpsons_cnn"),
        recipe=RecipeOrder(settings=words_of(SETTINGS), stages=[StageOrder("squares", 30, identities)]),
    )
    write_job(folder, replace(job, **changes))
    return pictures


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, when it saves
def test_a_recipes_job_becomes_a_package_that_scores_like_every_other(tmp_path: Path) -> None:
    pictures = prepare(tmp_path)
    out = io.StringIO()

    code = run(tmp_path, out)

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert code == 0, lines[-1]
    (result,) = lines[-1]["done"]["targets"]
    package = load_package(Path(result["folder"]), expected_hash=result["hash"])
    assert (package.backbone_name, package.preprocessing.fit, package.refusal) == ("simpsons_cnn", "stretch", "")
    scores = package.head.probabilities(choose_runtime([package], RuntimeSettings()).embed(pictures))
    assert ((scores >= package.threshold) == (np.arange(240) % 2 == 0)).mean() > 0.97
    assert "simpsons_cnn with" in result["report"]
    assert "stage squares: 24 pictures that show it and 24 that do not" in result["report"]
    assert "stage target: " in result["report"]
    assert package.snapshot["taught"]["stages"][-1] in result["report"]
    words = [line["words"] for line in lines if line.get("stage") == "training"]
    assert any(one.startswith("target, epoch 5 of 5") and "left" in one for one in words)


def test_several_targets_at_once_are_refused_in_one_line(tmp_path: Path) -> None:
    prepare(tmp_path, specs=[TargetSpec("red", "red"), TargetSpec("blue", "blue")])
    out = io.StringIO()

    assert run(tmp_path, out) == 1
    assert "learns one target at a time, got 2" in json.loads(out.getvalue().splitlines()[-1])["message"]


def test_a_softmax_of_two_classes_is_a_logistic_head() -> None:
    random = np.random.default_rng(0)
    weights, bias, vectors = random.normal(size=(5, 2)), random.normal(size=2), random.normal(size=(9, 5))
    network = TrainedNetwork(None, weights, bias, ("red", "rest"), Preprocessing(16), ())
    exponents = np.exp(vectors @ weights + bias)

    probabilities = 1 / (1 + np.exp(-own_head(network).logits(vectors)))

    assert np.allclose(probabilities, (exponents / exponents.sum(axis=1, keepdims=True))[:, 0])


def test_copies_of_pictures_that_are_measured_on_are_in_no_stage(tmp_path: Path) -> None:
    prepare(tmp_path)
    identities = [Identity(row + 1, md5=f"stage {row}", picture_hash=HASHES[300 + row], site="x") for row in range(60)]
    held_out = [Identity(1, md5="stage 3"), Identity(2, md5="other", picture_hash=HASHES[305] ^ 1)]  # same file; nearly

    stage = stage_pictures(tmp_path, 0, StageOrder("squares", 30, identities), held_out)

    used = {*stage.train.tolist(), *stage.validation.tolist()}
    assert used == {*range(60)} - {3, 5}
    assert not {*stage.train.tolist()} & {*stage.validation.tolist()}
    assert stage.labels.tolist() == [0] * 30 + [1] * 30


def test_a_recipe_splits_as_its_settings_say() -> None:
    assert shares_of("inception_v3", RecipeOrder()) == Shares(0.8, 0.1, 0.1)
    assert shares_of("simpsons_cnn", RecipeOrder()) == Shares()
    assert shares_of("vgg16", RecipeOrder(settings=("validation_share=0.2", "test_share=0.3"))) == Shares(0.5, 0.2, 0.3)
