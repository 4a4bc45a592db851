"""A scoring network written in each format."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from classifier.deployment import formats
from classifier.deployment.formats import ExportFormat
from classifier.deployment.light_file import joined
from classifier.deployment.saved_model import DEFAULT, quiet, score_function, write_saved_model
from classifier.deployment.scoring_network import LOGIT, head_network, input_network
from classifier.inference.openvino_library import openvino_without_telemetry
from classifier.package.half_precision import is_half
from classifier.package.package import Package
from classifier.pictures.preprocessing import Preprocessing

OPSET = 17  # of ONNX: what runtimes since 2022 know
Write = Callable[[Any, Path, Preprocessing], None]  # network, file or folder to write, how pictures become its input


def write(form: ExportFormat, model: Any, folder: Path, preprocessing: Preprocessing) -> Path:
    """Write a network; gives its main file or folder.

    Args:
        form: what to write.
        model: from `scoring_network`.
        folder: that it goes into.
        preprocessing: how pictures become its input.
    """
    place = folder / form.main
    place.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[form.name](model, place, preprocessing)
    return place


def write_light_only(package: Package, folder: Path) -> Path:
    """Write a package whose network is a file of the light interpreter and nothing else; gives the export's file.

    Args:
        package: of eight bits.
        folder: that it goes into.
    """
    place = folder / formats.FORMATS[formats.LITERT].main
    ends = [input_network(package.preprocessing.size), head_network(package.head)]
    before, after = (_light_content(one, folder) for one in ends)
    place.write_bytes(joined([before, package.runtimes["litert"], after]))
    return place


def _keras(model: Any, place: Path, _preprocessing: Preprocessing) -> None:
    model.save(place)


def _saved_model(model: Any, place: Path, preprocessing: Preprocessing) -> None:
    write_saved_model(model, place, preprocessing)


def _litert(model: Any, place: Path, _preprocessing: Preprocessing) -> None:
    place.write_bytes(_light_content(model, place.parent))


def _light_content(model: Any, scratch: Path) -> bytes:
    """The light interpreter's file of a network, in full or half precision as its weights are."""
    import tensorflow

    with tempfile.TemporaryDirectory(dir=scratch) as work:
        write_saved_model(model, Path(work, "model"))
        converter = tensorflow.lite.TFLiteConverter.from_saved_model(f"{work}/model", signature_keys=[DEFAULT])
        with quiet():
            return bytes(converter.convert())


def _onnx(model: Any, place: Path, _preprocessing: Preprocessing) -> None:
    import tensorflow
    import tf2onnx

    score, signature = score_function(model)
    with quiet():
        function = tensorflow.function(score, input_signature=signature)
        tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET, output_path=str(place))


def _openvino(model: Any, place: Path, _preprocessing: Preprocessing) -> None:
    openvino = openvino_without_telemetry()
    with tempfile.TemporaryDirectory(dir=place.parent) as work:
        write_saved_model(model, Path(work, "model"))
        with quiet():
            openvino.save_model(
                openvino.convert_model(f"{work}/model"), place, compress_to_fp16=is_half(model, but=LOGIT)
            )


_WRITERS: Mapping[str, Write] = {
    formats.KERAS: _keras,
    formats.SAVED_MODEL: _saved_model,
    formats.LITERT: _litert,
    formats.ONNX: _onnx,
    formats.OPENVINO: _openvino,
    formats.TENSORRT: _onnx,
}
