"""A model of eight bits leaves as one file for LiteRT that scores as the package does, pixels in, probability out."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.compression.compressed_package import embedded
from classifier.compression.job import ParentAnswers
from classifier.compression.worker import run
from classifier.deployment import worker
from classifier.deployment.formats import FORMATS
from classifier.deployment.light_file import joined, weights_in
from classifier.deployment.scorers import open_scorer
from classifier.deployment.scoring_network import head_network
from classifier.deployment.writers import write_light_only
from classifier.errors import DeviceError, PackageError
from classifier.head import Calibration
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import Pixels
from classifier.progress import unreported
from tests.classifier.compression.conftest import job_in

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and TensorFlow


@pytest.fixture(scope="module", params=["dynamic", "static"])
def small(
    request: pytest.FixtureRequest, package: Package, answers: ParentAnswers, tmp_path_factory: pytest.TempPathFactory
) -> Package:
    """The tiny model in eight bits, of either kind."""
    folder = tmp_path_factory.mktemp(request.param)
    job_in(folder, package, answers, "int8", f"mode={request.param}", "calibration=32")
    out = io.StringIO()
    run(folder, out)
    return load_package(Path(json.loads(out.getvalue().splitlines()[-1])["done"]["folder"]))


def scored_by(package: Package, pictures: Pixels) -> np.ndarray:
    return package.head.probabilities(embedded(package.backbone, pictures))


def test_it_scores_as_the_package_and_is_no_larger_than_its_network_and_its_head(
    small: Package, shown: Pixels, tmp_path: Path
) -> None:
    done = worker.exported(small.folder, small.hash, "litert", tmp_path, unreported)

    score = open_scorer(FORMATS["litert"], tmp_path, threads=1)
    many, one = score(shown[:7]), score(shown[:1])
    assert many[:, 0] == pytest.approx(scored_by(small, shown[:7]), abs=0.001)
    assert one[0, 0] == pytest.approx(many[0, 0], abs=1e-6)
    assert done["difference"] < 0.001
    assert done["takes_bytes"] is False
    assert 0 < done["parameters"] == weights_in(tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").stat().st_size < small.runtimes["litert"].stat().st_size + 6000


def test_a_curve_as_calibration_is_inside_too(small: Package, shown: Pixels, tmp_path: Path) -> None:
    curve = Calibration(knots=(-3.0, -0.5, 0.0, 2.0), values=(0.01, 0.2, 0.7, 0.99))
    curved = replace(small, head=replace(small.head, calibration=curve))

    write_light_only(curved, tmp_path)

    scored = open_scorer(FORMATS["litert"], tmp_path, threads=1)(shown)
    expected = scored_by(curved, shown)
    assert np.ptp(expected) > 0.03
    assert scored[:, 0] == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"litert"}))
def test_no_other_format_takes_it(form: str, small: Package, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="LiteRT alone runs it"):
        worker.exported(small.folder, small.hash, form, tmp_path, unreported)


def test_a_file_with_two_inputs_is_no_link_of_a_chain(tmp_path: Path, package: Package) -> None:
    import keras
    import tensorflow

    one, other = keras.Input((4,)), keras.Input((4,))
    converter = tensorflow.lite.TFLiteConverter.from_keras_model(keras.Model([one, other], one + other))
    assert head_network(package.head).output_shape == (None, 1)

    with pytest.raises(DeviceError, match="no plain chain"):
        joined([package.runtimes["litert"], converter.convert()])
