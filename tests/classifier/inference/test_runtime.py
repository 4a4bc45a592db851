"""Whatever computes the embeddings, and in whatever batches, the scores are the same."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from classifier.arrays import Float32Array
from classifier.errors import CanaryError, DeviceError, PackageError
from classifier.inference.backends import KerasNetwork, gpu_in_sight
from classifier.inference.runtime import Pixels, Runtime, RuntimeSettings, fitting_shape
from classifier.inference.runtime_choice import check_canaries, choose_runtime
from classifier.package.package import load_package
from classifier.pictures.preprocessing import Preprocessing, picture_array
from storage.records import ModelCard
from tests.classifier.tiny_models import SIZE, TinyBackbone, make_head, paintings, png

Mona = tuple[ModelCard, Path]
ON_CPU = RuntimeSettings("cpu", threads=1)


def pictures(count: int) -> Pixels:
    return np.stack([picture_array(png(image), Preprocessing(SIZE)) for image in paintings(count, seed=4)])


class Device:
    """A network that sums pixels, and has memory for so many pictures."""

    name, device, pads = "fake", "fake", False

    def __init__(self, shapes: tuple[int, ...] = (1, 2, 4, 8), memory: int = 99) -> None:
        self.shapes, self.memory = shapes, memory
        self.batches: list[int] = []

    def infer(self, batch: Pixels) -> Float32Array:
        if len(batch) not in self.shapes and len(batch) not in {shape // 2 for shape in self.shapes}:
            raise AssertionError(f"planned for {self.shapes}, got {len(batch)}")
        if len(batch) > self.memory:
            raise MemoryError("too many")
        self.batches.append(len(batch))
        return batch.reshape(len(batch), -1).astype(np.float32).mean(axis=1, keepdims=True)


@pytest.mark.parametrize("runtime", ["litert", "openvino", "keras"])
def test_every_runtime_gives_the_scores_of_keras(tiny: TinyBackbone, mona: Mona, runtime: str) -> None:
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="the openvino extra is not installed")
    batch, package = pictures(13), load_package(mona[1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries
        chosen = choose_runtime([package], RuntimeSettings("cpu", runtime, 1))
        embeddings = chosen.embed(batch)

    assert chosen.name == runtime
    difference = package.head.probabilities(embeddings) - package.head.probabilities(tiny.embed(batch))
    assert np.abs(difference).max() < 1e-3


def test_half_precision_keeps_the_scores_within_a_hundredth(tiny: TinyBackbone, mona: Mona) -> None:
    batch, package = pictures(8), load_package(mona[1])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries
        half = KerasNetwork(package.keras, ON_CPU, gpu=False, mixed=True).infer(batch)

    assert half.dtype == np.float32
    assert 0 < np.abs(half - tiny.embed(batch)).max() < 0.05
    assert np.abs(package.head.probabilities(half) - package.head.probabilities(tiny.embed(batch))).max() < 0.01


@pytest.mark.fault("M08")
@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 9, 20])
@pytest.mark.parametrize("pads", [True, False])
def test_batches_of_any_size_and_order_score_alike(count: int, pads: bool) -> None:
    device = Device()
    device.pads = pads
    batch = np.random.default_rng(count).integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)

    result = Runtime(device).embed(batch)

    assert result[:, 0] == pytest.approx(batch.reshape(count, -1).mean(axis=1), abs=1e-4)
    assert (Runtime(device).embed(batch[::-1])[::-1] == result).all()
    assert set(device.batches) <= {1, 2, 4, 8}


@pytest.mark.fault("M08")
def test_on_a_processor_nothing_is_padded_and_on_a_gpu_nothing_is_split() -> None:
    assert [fitting_shape(count, (1, 2, 4, 8), pads=False) for count in (1, 3, 7, 9)] == [1, 2, 4, 8]
    assert [fitting_shape(count, (8, 32, 128), pads=True) for count in (1, 9, 33, 500)] == [8, 32, 128, 128]


@pytest.mark.fault("M09")
@pytest.mark.parametrize("memory", [1, 2, 3, 5])
def test_out_of_memory_halves_the_batch_and_loses_no_picture(memory: int) -> None:
    device = Device(memory=memory)
    runtime = Runtime(device)
    batch = np.arange(11 * 12, dtype=np.uint8).reshape(11, 2, 2, 3)

    runtime.warm_up(2)
    result = runtime.embed(batch)

    assert result[:, 0] == pytest.approx(batch.reshape(11, -1).mean(axis=1), abs=1e-4)
    assert runtime.largest <= memory


@pytest.mark.fault("M09")
def test_no_memory_for_one_picture_is_an_error_of_the_device() -> None:
    with pytest.raises(DeviceError, match="no memory for a single picture"):
        Runtime(Device(memory=0)).embed(np.zeros((3, 2, 2, 3), np.uint8))


@pytest.mark.parametrize("shape", [(2, 2, 3), (1, 2, 2, 4), (0, 2, 2, 3)])
def test_a_batch_that_is_none_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected uint8 RGB"):
        Runtime(Device()).embed(np.zeros(shape, np.uint8))


@pytest.mark.fault("M06")
def test_canaries_catch_colours_in_the_wrong_order(tiny: TinyBackbone, mona: Mona) -> None:
    package = load_package(mona[1])
    seen = np.stack([picture_array(picture, package.preprocessing) for picture in package.canaries.pictures])

    check_canaries(package, tiny.embed(seen), "keras")

    with pytest.raises(CanaryError, match="other pictures"):
        check_canaries(package, tiny.embed(seen[..., ::-1]), "keras")
    with pytest.raises(CanaryError, match="other pictures"):
        check_canaries(package, tiny.embed(seen) * np.float32(np.nan), "keras")


@pytest.mark.fault("M06")
def test_canaries_catch_embeddings_that_only_the_head_takes_for_the_same(mona: Mona) -> None:
    package = load_package(mona[1])
    embeddings = package.canaries.embeddings.astype(np.float64)
    weights = np.asarray(package.head.weights, dtype=np.float64)
    across = np.random.default_rng(1).normal(size=weights.shape)
    across -= weights * (across @ weights) / (weights @ weights)  # the head does not see this direction
    turned = (embeddings + across * np.abs(embeddings).max()).astype(np.float32)
    assert np.abs(package.head.probabilities(turned) - package.canaries.scores).max() < 1e-3

    with pytest.raises(CanaryError, match="other pictures"):
        check_canaries(package, turned, "keras")


@pytest.mark.fault("M10")
def test_a_gpu_that_is_not_there_is_reported_missing(mona: Mona) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries
        with pytest.raises(DeviceError, match="sees no GPU"):
            choose_runtime([load_package(mona[1])], RuntimeSettings("gpu"))


def test_a_package_without_the_light_network_says_which_runtime_to_take(tiny: TinyBackbone, tmp_path: Path) -> None:
    from dataclasses import replace

    from classifier.package.package import write_package
    from tests.classifier.tiny_models import make_parts

    bare = replace(tiny.files, runtimes={})
    write_package(tmp_path / "1", make_parts(tiny, "mona", make_head(), backbone=bare))

    with pytest.raises(PackageError, match="keras runtime"):
        choose_runtime([load_package(tmp_path / "1")], RuntimeSettings("cpu", "litert"))


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_gpu_that_is_hidden_is_not_looked_for(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)

    assert not gpu_in_sight()


@pytest.mark.parametrize("values", [{"device": "tpu"}, {"runtime": "caffe"}, {"shapes": (8, 1)}, {"shapes": (0, 1)}])
def test_settings_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RuntimeSettings(**values)  # type: ignore[arg-type] # wrong on purpose
