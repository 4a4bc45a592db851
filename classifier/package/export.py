"""From a Keras network to the files of a package: the Keras file itself and a light interpreter's.

The light file (LiteRT, float32) can only be made where TensorFlow is installed, whose converter takes the network as
one traced function. Keras' own exporter writes a SavedModel in between, for which it traces the network three times:
the same file, in four times the processor time [measured, Keras 3.15.1 with TensorFlow 2.21.0]. Under
another backend a second interpreter with TensorFlow makes it from the `.keras` file. Where there is no TensorFlow at
all, the package carries the Keras file alone and is scored by Keras: slower to start, with the same scores.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from classifier.errors import DeviceError
from classifier.package import half_precision
from classifier.package.files import KERAS, RUNTIME_FILES
from classifier.package.package import BackboneFiles
from classifier.pictures.preprocessing import Preprocessing
from system.child_process import ChildLostError, module_command, run

_EXPORT_DEADLINE_S = 600
_HALVED = "--halved"


def export_backbone(
    model: Any,
    folder: Path,
    *,
    name: str,
    preprocessing: Preprocessing,
    classes: tuple[str, ...] = (),
    halved: bool = False,
) -> BackboneFiles:
    """Save a network that turns pictures into embeddings, in every form that scoring can use.

    Args:
        model: a Keras model; input (batch, size, size, 3), float32 RGB 0..255; output (batch, d).
        folder: where the files go; created.
        name: of the architecture.
        preprocessing: how pictures become its input.
        classes: what it was trained to tell apart.
        halved: keep weights in half precision, for files of half the size; the model's own are rounded in place.
            Arithmetic stays in full precision everywhere.
    Raises:
        ValueError: the model's shapes do not fit.
    """
    wanted = (None, preprocessing.size, preprocessing.size, 3)
    if tuple(model.input_shape) != wanted:
        raise ValueError(f"expected a network with the input {wanted}, got {tuple(model.input_shape)}")
    if len(model.output_shape) != 2 or not isinstance(model.output_shape[1], int):
        raise ValueError(f"expected a network with the output (None, d), got {tuple(model.output_shape)}")
    folder.mkdir(parents=True, exist_ok=True)
    keras_file, light_file = folder / KERAS, folder / RUNTIME_FILES["litert"]
    if halved:
        half_precision.round_weights(model)
    model.save(keras_file)
    if halved:
        half_precision.halve_file(keras_file)
    here = _backend() == "tensorflow"
    exported = _export_here(model, light_file, halved=halved) if here else _export_elsewhere(keras_file, halved=halved)
    runtimes = {"litert": light_file} if exported else {}
    return BackboneFiles(name, keras_file, runtimes, preprocessing, int(model.output_shape[1]), classes)


def _backend() -> str:
    import keras

    return str(keras.backend.backend())


def _export_here(model: Any, light_file: Path, *, halved: bool) -> bool:
    """Write the light file; what TensorFlow prints meanwhile is dropped."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        light_file.write_bytes(_converted(model, halved=halved))
    return True


def _converted(model: Any, *, halved: bool) -> bytes:
    """A network with one input and one output as a LiteRT file, with the signature that Keras would give it."""
    import tensorflow

    source = model.inputs[0]
    wanted = tensorflow.TensorSpec(source.shape, source.dtype, name=source.name)
    traced = tensorflow.function(partial(model, training=False), input_signature=[wanted], autograph=False)
    converter = tensorflow.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], model)
    converter.experimental_lower_to_saved_model = False
    if halved:
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tensorflow.float16]
    return _signed(converter.convert(), source.name)


def _signed(content: bytes, source: str) -> bytes:
    """The file with names for its input and output: what calibrates it asks by name."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    file = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    signature, (graph,) = schema.SignatureDefT(), file.subgraphs
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = ([schema.TensorMapT()] for _ in range(2))
    (signature.inputs[0].name, signature.inputs[0].tensorIndex) = source, int(graph.inputs[0])
    (signature.outputs[0].name, signature.outputs[0].tensorIndex) = "output_0", int(graph.outputs[0])
    file.signatureDefs = [signature]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(file))


def _export_elsewhere(keras_file: Path, *, halved: bool) -> bool:
    """Make the light file in an interpreter of its own that runs Keras on TensorFlow, if there is one."""
    if importlib.util.find_spec("tensorflow") is None:
        return False
    try:
        done = run(
            module_command("classifier.package.export", str(keras_file), *([_HALVED] if halved else [])),
            _EXPORT_DEADLINE_S,
            {"KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""},
        )
    except ChildLostError as error:
        raise DeviceError(f"{keras_file} cannot be exported: {error}") from error
    if done.code != 0:
        raise DeviceError(f"{keras_file} cannot be exported: {done.errors.decode(errors='replace').strip()[-300:]}")
    return True


def main(arguments: list[str]) -> None:
    """Export one `.keras` file beside itself."""
    import keras

    keras_file = Path(arguments[0])
    model = keras.saving.load_model(keras_file, compile=False)
    _export_here(model, keras_file.with_name(RUNTIME_FILES["litert"]), halved=_HALVED in arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
