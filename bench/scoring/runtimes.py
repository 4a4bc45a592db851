"""A table of runtimes on one backbone: pictures a second, start, agreement with Keras; measured in turns.

Run through `python -m bench.scoring --table`. Runtimes that are not installed are listed as missing.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.errors import DeviceError
from classifier.inference.backends import KerasNetwork, LiteRtNetwork, OpenVinoNetwork
from classifier.inference.runtime import Pixels, RuntimeSettings
from classifier.package.package import Package, load_package

ROUNDS = 7
ROUND_S = 0.4

Infer = Callable[[Pixels], Float32Array]


@dataclass
class RuntimeContestant:
    """One way to compute the same embeddings."""

    name: str
    make: Callable[[Package], Infer]
    batch: int
    infer: Infer | None = None
    start_s: float = 0.0
    error: float = 0.0  # largest difference from Keras, relative to the largest embedding value
    rates: list[float] = field(default_factory=list)  # pictures a second
    missing: str = ""


def main(folder: Path) -> None:
    """Measure and print."""
    package = load_package(folder)
    size = package.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (32, size, size, 3)).astype(np.uint8)
    contestants = _contestants()
    reference: Float32Array | None = None
    for each in contestants:
        _begin(each, package, pixels)
        if each.infer is not None:
            result = each.infer(pixels[: each.batch])
            reference = result if reference is None else reference
            each.error = float(np.abs(result - reference[: each.batch]).max() / np.abs(reference).max())
    for _ in range(ROUNDS):
        for each in contestants:
            if each.infer is not None:
                each.rates.append(_rate(each.infer, pixels[: each.batch]))
    _print(contestants)


def _begin(contestant: RuntimeContestant, package: Package, pixels: Pixels) -> None:
    started = time.perf_counter()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            infer = contestant.make(package)
            infer(pixels[: contestant.batch])
    except (DeviceError, ImportError) as error:
        contestant.missing = str(error)
        return
    contestant.infer = infer
    contestant.start_s = time.perf_counter() - started


def _rate(infer: Infer, batch: Pixels) -> float:
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < ROUND_S:
        infer(batch)
        count += len(batch)
    return count / (time.perf_counter() - started)


def _print(contestants: list[RuntimeContestant]) -> None:
    print(f"{'runtime':<36}{'batch':>6}{'pictures/s':>12}{'to predict':>12}{'ready after':>13}{'error':>10}")
    base = median(contestants[0].rates)
    for each in contestants:
        if each.missing:
            print(f"{each.name:<36}missing: {each.missing}")
            continue
        rate = median(each.rates)
        print(f"{each.name:<36}{each.batch:6}{rate:12.0f}{rate / base:11.1f}x{each.start_s:11.2f} s{each.error:10.1e}")


def _contestants() -> list[RuntimeContestant]:
    two, one = RuntimeSettings(threads=2), RuntimeSettings(threads=1)
    rows = [
        RuntimeContestant("Keras predict", _keras_predict, 32),
        RuntimeContestant(
            "Keras, compiled step", lambda p: KerasNetwork(p.keras, two, gpu=False, mixed=False).infer, 8
        ),
    ]
    for batch in (1, 8, 32):
        only = RuntimeSettings(threads=2, shapes=(batch,))
        rows.append(RuntimeContestant("LiteRT, 2 threads", lambda p, s=only: LiteRtNetwork(_light(p), s).infer, batch))
    rows.append(RuntimeContestant("LiteRT, 1 thread", lambda p: LiteRtNetwork(_light(p), one).infer, 8))
    rows.append(RuntimeContestant("ONNX Runtime, 2 threads", _onnx, 8))
    rows.append(RuntimeContestant("OpenVINO float32, 1 thread", lambda p: OpenVinoNetwork(_light(p), one).infer, 8))
    rows.append(RuntimeContestant("OpenVINO float32, 2 threads", lambda p: OpenVinoNetwork(_light(p), two).infer, 8))
    rows.append(RuntimeContestant("OpenVINO as it likes, 2 threads", _openvino_free, 8))
    return rows


def _light(package: Package) -> Path:
    if "litert" not in package.runtimes:
        raise DeviceError("the package carries no light network")
    return package.runtimes["litert"]


def _keras_predict(package: Package) -> Infer:
    import keras

    model: Any = keras.saving.load_model(package.keras, compile=False)
    return lambda batch: np.asarray(model.predict(batch.astype(np.float32), batch_size=len(batch), verbose=0))


def _onnx(package: Package) -> Infer:
    import keras
    import onnxruntime

    model: Any = keras.saving.load_model(package.keras, compile=False)
    model.predict_on_batch(np.zeros((1, *model.input_shape[1:]), np.float32))  # its exporter wants a called model
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "backbone.onnx"
        model.export(str(path), format="onnx", verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda batch: np.asarray(session.run(None, {name: batch.astype(np.float32)})[0])


def _openvino_free(package: Package) -> Infer:
    """Without forcing float32: it picks bfloat16 where the processor has it."""
    import openvino

    core = openvino.Core()
    model = core.read_model(str(_light(package)))
    model.reshape([8, *list(model.input().partial_shape)[1:]])
    request = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 2}).create_infer_request()
    return lambda batch: np.array(request.infer([batch.astype(np.float32)])[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
