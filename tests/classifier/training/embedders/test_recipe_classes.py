"""A recipe learns every class of a folder and ends in a recogniser's package; copies never cross the splits."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import TooFewExamples
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.pictures.preprocessing import Preprocessing
from classifier.recipes.settings import from_words, words_of
from classifier.recipes.simpsons_cnn import SimpsonsCnnSettings
from classifier.recognition.package import RecogniserPackage, load_recogniser
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.embedders.recipe_classes import check_splits
from classifier.training.job import PICTURES, FirstWeights, RecipeOrder, write_job
from classifier.training.recogniser_job import LabelledExample, RecogniserJob
from classifier.training.splits import Identity, Split
from classifier.training.worker import run

COLOURS = {"bart": (220, 30, 30), "homer": (30, 220, 30), "lisa": (30, 30, 220), "nobody": (30, 30, 30)}
SETTINGS = from_words(
    SimpsonsCnnSettings(),
    ("size=16", "epochs=4", "rate=0.003", "dropout=0", "turn=0", "shift=0", "noise=0", "mirror=no"),
)
HASHES = [int(one) for one in np.random.default_rng(5).integers(0, 2**63, 200)]  # of drawings that are not alike
EACH = 40


def prepare(folder: Path, names: tuple[str, ...] = ("bart", "homer", "lisa"), **changes: Any) -> np.ndarray:
    """Squares of a class's colour; every two pictures of a class in a row are of one group."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 60, (EACH * len(names), 16, 16, 3)).astype(np.uint8)
    examples = []
    for row in range(len(pictures)):
        name = names[row // EACH]
        pictures[row, 4:12, 4:12] = COLOURS[name]
        identity = Identity(row + 1, md5=f"{row:032x}", picture_hash=HASHES[row], set_key=f"set {row // 2}")
        examples.append(LabelledExample(identity, name))
    np.save(folder / PICTURES, pictures)
    job = RecogniserJob(
        name="family",
        examples=examples,
        preprocessing=Preprocessing(16, "stretch"),
        backbone=FirstWeights("simpsons_cnn"),
        recipe=TrainingRecipe(),
        order=RecipeOrder(settings=words_of(SETTINGS)),
    )
    write_job(folder, replace(job, **changes))
    return pictures


def made(folder: Path) -> tuple[Mapping[str, Any], RecogniserPackage]:
    out = io.StringIO()
    code = run(folder, out)
    last = json.loads(out.getvalue().splitlines()[-1])
    assert code == 0, last
    return last["done"], load_recogniser(Path(last["done"]["folder"]), expected_hash=last["done"]["hash"])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, when it saves
def test_a_recipe_becomes_a_recogniser_that_names_what_it_learned(tmp_path: Path) -> None:
    pictures = prepare(tmp_path)

    done, package = made(tmp_path)

    answers = package.recogniser.recognise(choose_runtime([package], RuntimeSettings()).embed(pictures))
    names = np.repeat(["bart", "homer", "lisa"], EACH)
    assert np.mean([one.likeliest == name for one, name in zip(answers, names, strict=True)]) > 0.95
    assert (package.backbone_name, package.preprocessing.fit) == ("simpsons_cnn", "stretch")
    parts = {part: {int(md5, 16) // 2 for md5 in md5s} for part, md5s in package.snapshot["parts"].items()}
    assert done["metrics"]["held_out"]["pictures"] == len(package.snapshot["parts"]["test"])
    assert not parts["train"] & parts["validation"]
    assert not (parts["train"] | parts["validation"]) & parts["test"]
    assert sum(len(md5s) for md5s in package.snapshot["parts"].values()) == len(pictures)
    assert "on the test split of" in done["report"]
    assert "stage classes: " in done["report"]
    assert "pictures of 3 classes" in done["report"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, when it saves
def test_nobody_is_a_class_of_the_recipe(tmp_path: Path) -> None:
    pictures = prepare(tmp_path, ("bart", "nobody", "lisa"))

    _, package = made(tmp_path)

    answers = package.recogniser.recognise(choose_runtime([package], RuntimeSettings()).embed(pictures))
    assert package.recogniser.classes == ("bart", "lisa", "nobody")
    assert np.mean([one.name is None for one in answers[EACH : 2 * EACH]]) > 0.9


def test_a_class_that_a_split_lacks_is_refused_by_name() -> None:
    rows = [np.array(of, dtype=np.int64) for of in ([0, 1, 4], [2, 5], [3])]
    with pytest.raises(TooFewExamples, match="the class lisa: found 0 pictures in the test split"):
        check_splits("family", ("bart", "lisa"), np.array([0, 0, 0, 0, 1, 1], dtype=np.int64), Split(*rows))
