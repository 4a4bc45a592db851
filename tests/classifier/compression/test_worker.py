"""A compressing process leaves one whole package behind, or one line that says why not."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.compression.job import ParentAnswers
from classifier.compression.worker import run
from classifier.errors import PackageError
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import candidates, choose_runtime
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import Pixels
from tests.classifier.compression.conftest import job_in

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and TensorFlow

BRIEF = ("epochs=2", "batch=16", "minutes=1")


def last_line(folder: Path) -> Mapping[str, Any]:
    out = io.StringIO()
    run(folder, out)
    line: dict[str, Any] = json.loads(out.getvalue().splitlines()[-1])
    return line


def test_an_int8_model_is_smaller_and_sees_nearly_the_same(
    tmp_path: Path, package: Package, answers: ParentAnswers, shown: Pixels
) -> None:
    job_in(tmp_path, package, answers, "int8", "calibration=32")

    done = last_line(tmp_path)["done"]

    made = load_package(Path(done["folder"]), expected_hash=done["hash"])
    runtime = choose_runtime([made], RuntimeSettings())  # its check pictures give here what they gave there
    away = np.linalg.norm(runtime.embed(shown) - answers.vectors, axis=1)
    assert made.backbone_name == "tiny-int8"
    assert made.light_only
    assert made.backbone_hash != package.backbone_hash
    assert set(done["facts"]["ways"]) == {"dynamic", "static"}
    assert float(np.median(away / np.linalg.norm(answers.vectors, axis=1))) < 0.1
    with pytest.raises(PackageError, match="is an int8 model: LiteRT alone runs it, not Keras"):
        candidates(made, RuntimeSettings(runtime="keras"))


@pytest.mark.parametrize("mode", ["dynamic", "static"])
def test_the_way_that_was_asked_for_is_taken(
    mode: str, tmp_path: Path, package: Package, answers: ParentAnswers
) -> None:
    job_in(tmp_path, package, answers, "int8", f"mode={mode}", "calibration=32")

    facts = last_line(tmp_path)["done"]["facts"]

    assert facts["mode"] == mode
    assert set(facts["ways"]) == {mode}


def test_a_small_network_learns_what_the_large_one_answers(
    tmp_path: Path, package: Package, answers: ParentAnswers
) -> None:
    job_in(tmp_path, package, answers, "distil", *BRIEF, "size=32", size=32)

    done = last_line(tmp_path)["done"]

    made = load_package(Path(done["folder"]), expected_hash=done["hash"])
    assert (made.backbone_name, made.preprocessing.size) == ("small", 32)
    assert made.classes == ("mona_(genshin_impact)",)
    assert [block.name for block in made.blocks] == ["taught", "log_odds"]
    assert made.snapshot["earlier"] == package.backbone_hash
    assert made.snapshot["taught"]["steps"] == done["facts"]["steps"] > 0
    assert "small learned from" in done["facts"]["words"]


def test_a_pruned_network_has_fewer_parameters_and_the_same_embedding(
    tmp_path: Path, package: Package, answers: ParentAnswers, shown: Pixels
) -> None:
    job_in(tmp_path, package, answers, "prune", *BRIEF, "parameters=0.7")

    done = last_line(tmp_path)["done"]

    made = load_package(Path(done["folder"]), expected_hash=done["hash"])
    assert made.backbone_name == "tiny-pruned"
    assert done["facts"]["parameters"] <= 0.72 * done["facts"]["parent_parameters"]
    assert made.dimension == package.dimension
    assert choose_runtime([made], RuntimeSettings()).embed(shown).shape == answers.vectors.shape


def test_what_fails_is_said_in_one_line_and_leaves_no_package(
    tmp_path: Path, package: Package, answers: ParentAnswers
) -> None:
    job_in(tmp_path, package, answers, "prune", "parameters=0.05")

    said = last_line(tmp_path)

    assert said["error"] == "DeviceError"
    assert "a share of 0.05 of the parameters cannot be reached" in said["message"]
    assert not (tmp_path / "package").exists()


def test_a_way_that_nobody_knows_is_refused(tmp_path: Path, package: Package, answers: ParentAnswers) -> None:
    job_in(tmp_path, package, answers, "distil")
    words = (tmp_path / "compression.json").read_text().replace('"distil"', '"melt"')
    (tmp_path / "compression.json").write_text(words)

    assert "melt" in last_line(tmp_path)["message"]
