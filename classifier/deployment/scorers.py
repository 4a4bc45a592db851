"""Exported files at work, each by its own runtime and without anything of ours: what a README's snippet does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import FloatArray
from classifier.deployment import formats
from classifier.deployment.formats import ExportFormat
from classifier.deployment.saved_model import DEFAULT, ENCODED, OF_BYTES
from classifier.deployment.scoring_network import PICTURES, PROBABILITY
from classifier.inference.openvino_library import openvino_without_telemetry
from classifier.pictures.preprocessing import Pixels

Score = Callable[[Pixels], FloatArray]  # uint8 RGB (n, size, size, 3) -> probabilities (n, 1) or (n, classes)
Open = Callable[[Path, int], Score]  # file or folder, threads (0: the runtime's own choice)


def open_scorer(form: ExportFormat, folder: Path, threads: int = 0) -> Score:
    """Load an export.

    Args:
        form: its format.
        folder: of the export.
        threads: of the runtime; 0: its own choice. TensorFlow takes it from TF_NUM_INTRAOP_THREADS alone.
    """
    return _SCORERS[form.name](folder / form.main, threads)


def score_encoded(folder: Path, encoded: list[bytes]) -> FloatArray:
    """Probabilities, shape (n, 1) or (n, classes), of encoded pictures by a SavedModel's signature for them."""
    import tensorflow

    signature = tensorflow.saved_model.load(str(folder)).signatures[OF_BYTES]
    return np.asarray(signature(**{ENCODED: tensorflow.constant(encoded)})[PROBABILITY], np.float64)


def has_bytes_signature(folder: Path) -> bool:
    """Whether a SavedModel takes encoded pictures."""
    import tensorflow

    return OF_BYTES in tensorflow.saved_model.load(str(folder)).signatures


def _keras(file: Path, _threads: int) -> Score:
    import keras

    model = keras.saving.load_model(file, compile=False)
    return lambda pixels: np.asarray(model.predict_on_batch(pixels), np.float64)


def _saved_model(folder: Path, _threads: int) -> Score:
    import tensorflow

    loaded = tensorflow.saved_model.load(str(folder))  # held: a signature alone does not keep its variables
    return lambda pixels: np.asarray(
        loaded.signatures[DEFAULT](**{PICTURES: tensorflow.constant(pixels)})[PROBABILITY], np.float64
    )


def _litert(file: Path, threads: int) -> Score:
    from ai_edge_litert.interpreter import Interpreter

    make: Any = Interpreter  # untyped
    run = make(str(file), num_threads=threads or None).get_signature_runner(DEFAULT)
    return lambda pixels: np.asarray(run(**{PICTURES: pixels})[PROBABILITY], np.float64)


def _onnx(file: Path, threads: int) -> Score:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return lambda pixels: np.asarray(session.run([PROBABILITY], {PICTURES: pixels})[0], np.float64)


def _openvino(file: Path, threads: int) -> Score:
    openvino = openvino_without_telemetry()
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32"}  # else half precision, where the processor has it
    options |= {"INFERENCE_NUM_THREADS": threads} if threads else {}
    model = openvino.Core().compile_model(str(file), "CPU", options)
    return lambda pixels: np.asarray(model({PICTURES: pixels})[PROBABILITY], np.float64)


_SCORERS: Mapping[str, Open] = {
    formats.KERAS: _keras,
    formats.SAVED_MODEL: _saved_model,
    formats.LITERT: _litert,
    formats.ONNX: _onnx,
    formats.OPENVINO: _openvino,
    formats.TENSORRT: _onnx,
}
