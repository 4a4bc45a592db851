"""The formats that a model is exported in: what lies in the folder, what it takes to write it, what is inside."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from classifier.errors import DeviceError

KERAS, SAVED_MODEL, LITERT, ONNX, OPENVINO, TENSORRT = "keras", "saved_model", "litert", "onnx", "openvino", "tensorrt"
SERVED_VERSION = "1"  # TensorFlow Serving wants a folder of versions, and serves the highest


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """One format."""

    name: str
    main: str  # file or folder below the export's folder
    title: str  # for people
    modules: tuple[str, ...] = ()  # that writing and checking it imports, beside the core installation
    extra: str = ""  # of our installation, that brings them


FORMATS = {
    one.name: one
    for one in (
        ExportFormat(KERAS, "model.keras", "Keras 3"),
        ExportFormat(SAVED_MODEL, f"model/{SERVED_VERSION}", "TensorFlow SavedModel, as TensorFlow Serving wants it"),
        ExportFormat(LITERT, "model.tflite", "LiteRT (TensorFlow Lite)"),
        ExportFormat(ONNX, "model.onnx", "ONNX", ("tf2onnx", "onnx", "onnxruntime"), "onnx"),
        ExportFormat(OPENVINO, "model.xml", "OpenVINO IR", ("openvino",), "openvino"),
        ExportFormat(TENSORRT, "model.onnx", "ONNX for TensorRT", ("tf2onnx", "onnx", "onnxruntime"), "onnx"),
    )
}


def check_installed(form: ExportFormat) -> None:
    """Check, without importing anything, that a format can be written and read back here.

    Raises:
        DeviceError: something is missing; says how to get it.
    """
    for module in ("tensorflow", *form.modules):
        if importlib.util.find_spec(module) is None:
            wanted = f"'boorusieve[{form.extra}]'" if module in form.modules else "tensorflow"
            raise DeviceError(
                f"the format {form.name} needs {module}, which is not installed: pip install {wanted}; "
                "nothing was written"
            )
