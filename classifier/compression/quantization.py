"""Eight-bit weights, and where it is faster eight-bit arithmetic, in the file of the light interpreter.

Two ways are made and measured here, because no rule says which wins for a network on a processor:

    dynamic    what layers give stays in full precision between them; each is scaled anew for each picture
    static     the convolutions and what joins them pass eight-bit numbers on, scaled by what training pictures gave

Weights have a scale for each channel. In both ways the end of the network (means, log odds, the embedding itself) keeps
full precision: its blocks differ in size by far, and one scale for all of them would blur the smaller ones.
Static scales come from one batch of all pictures: the library averages ranges over batches, a twentieth a batch, and
pictures one at a time give ranges of hardly any of them (average precision 0.853 fell to 0.293).
"""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.backbones.catalogue import MADE_OF
from classifier.compression.compressed_package import Compressed
from classifier.compression.job import CompressionJob, ParentAnswers
from classifier.compression.settings import AUTO, DYNAMIC, INT8, STATIC, Int8Settings
from classifier.errors import DeviceError
from classifier.inference.backends import LiteRtNetwork
from classifier.inference.runtime import Runtime, RuntimeSettings
from classifier.package.export import export_backbone
from classifier.package.files import RUNTIME_FILES
from classifier.package.keras_file import loaded_network
from classifier.package.package import Package
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback

LIGHT = "litert"
FLOAT = "float"
_LIBRARY = "litert_quantizer"
_TIMED, _ROUNDS = 12, 5  # pictures, one at a time, and turns in which the ways are timed
_COMPARED = 400  # held-back pictures that decisions are compared on
_ENOUGH = 0.99  # share of decisions as before, from which the faster way is taken
_AS_FAST = 1.05  # within this factor of the fastest, the truer one is taken


@dataclass(frozen=True, slots=True)
class Measured:
    """One way, measured beside the parent's own file."""

    mode: str
    ms: float  # of one processor, a picture
    times: float  # the parent's
    alike: float  # share of decisions as before, by the parent's head, 0..1
    size: int  # bytes
    share: float  # of the size of the parent's file

    def words(self) -> str:
        """For people."""
        cost = f"{self.mode} {self.times:.2f} × the time, {self.share:.2f} × the size"
        return f"{cost}, {self.alike:.1%} of decisions as before"


def check_library() -> None:
    """Check that the library is there.

    Raises:
        DeviceError: it is not; says what to install.
    """
    if importlib.util.find_spec(_LIBRARY) is None:
        raise DeviceError(
            "eight-bit models need the package litert-quantizer: pip install 'boorusieve[compress]'; "
            "--how distil and --how prune need nothing"
        )


def quantised(
    folder: Path, job: CompressionJob, parent: Package, given: tuple[Pixels, ParentAnswers], report: ProgressCallback
) -> Compressed:
    """Make a package's network one of eight bits, in the way that wins here.

    Args:
        folder: for the files.
        job: what was asked for.
        parent: the package.
        given: the pictures, and what the parent says of them.
        report: progress.

    Raises:
        DeviceError: the library is missing, or Keras refuses the network.
    """
    check_library()
    settings = job.asked(Int8Settings)
    pictures, answers = given
    exact = export_backbone(
        loaded_network(parent.keras),
        folder / FLOAT,
        name=parent.backbone_name,
        preprocessing=parent.preprocessing,
        classes=parent.classes,
    )
    source = exact.runtimes.get(LIGHT)
    if source is None:
        raise DeviceError("eight-bit models need TensorFlow, to write the file of the light interpreter")
    report("quantising", 0.2, f"scales from {settings.calibration} pictures")
    files = {FLOAT: source}
    for mode in (DYNAMIC, STATIC) if settings.mode == AUTO else (settings.mode,):
        files[mode] = folder / f"{mode}.tflite"
        files[mode].write_bytes(_made(source, mode, _calibration(pictures, answers, settings)))
    report("quantising", 0.7, "measuring what is made")
    found = measured(files, parent, pictures, answers)
    best = chosen(found)
    backbone = replace(
        exact,
        name=f"{parent.backbone_name}{MADE_OF}{INT8}",
        keras=None,
        runtimes={LIGHT: files[best.mode].rename(folder / RUNTIME_FILES[LIGHT])},
        blocks=parent.blocks,
    )
    return Compressed(files=backbone, facts=_facts(found, best), taught={}, history=None)


def _facts(found: Sequence[Measured], best: Measured) -> dict[str, Any]:
    by_mode = {one.mode: {"ms": one.ms, "times": one.times, "alike": one.alike, "bytes": one.size} for one in found}
    others = "; ".join(one.words() for one in found if one is not best)
    why = reason(found, best)
    words = f"int8: {best.words()}; {f'not {others}; taken as {why}' if others else why}"
    return {"mode": best.mode, "why": why, "ways": by_mode, "words": words}


def reason(found: Sequence[Measured], best: Measured) -> str:
    """Why one of these ways was taken."""
    if len(found) == 1:
        return "the way that was asked for"
    if best.alike < _ENOUGH:
        return f"the truer one, for neither makes {_ENOUGH:.0%} of decisions as before"
    if all(one.alike < _ENOUGH for one in found if one is not best):
        return f"the only one that makes {_ENOUGH:.0%} of decisions as before"
    if any(one.ms < best.ms for one in found):
        return "the truer one of two that are about as fast"
    return f"the fastest that makes {_ENOUGH:.0%} of decisions as before"


def _calibration(pictures: Pixels, answers: ParentAnswers, settings: Int8Settings) -> Float32Array:
    rows = np.random.default_rng(settings.seed).permutation(np.flatnonzero(answers.train))[: settings.calibration]
    return np.asarray(pictures[np.sort(rows)], dtype=np.float32)


def chosen(found: Sequence[Measured]) -> Measured:
    """The fastest of those that decide as before, and of nearly equal ones the truer; else the truest."""
    true = [one for one in found if one.alike >= _ENOUGH]
    if not true:
        return max(found, key=lambda one: one.alike)
    fastest = min(one.ms for one in true)
    return max((one for one in true if one.ms <= _AS_FAST * fastest), key=lambda one: one.alike)


def measured(files: Mapping[str, Path], parent: Package, pictures: Pixels, answers: ParentAnswers) -> list[Measured]:
    """Time the ways in turns beside the exact file, and compare their decisions by the parent's own head.

    Args:
        files: by way, with the exact one as `FLOAT`.
        parent: whose head and threshold decide.
        pictures: prepared.
        answers: what the parent says of them.
    """
    runtimes = {mode: Runtime(LiteRtNetwork(file, RuntimeSettings(threads=1))) for mode, file in files.items()}
    rows = np.flatnonzero(answers.validation)[:_COMPARED]
    shown = np.asarray(pictures[rows if len(rows) else slice(0, _COMPARED)])
    keeps = {
        mode: parent.head.probabilities(runtime.embed(shown)) >= parent.threshold for mode, runtime in runtimes.items()
    }
    spent: dict[str, list[float]] = {mode: [] for mode in files}
    for _ in range(_ROUNDS):
        for mode, runtime in runtimes.items():
            for picture in shown[:_TIMED]:
                started = time.thread_time()  # what else the machine does is no matter
                runtime.embed(picture[None])
                spent[mode].append(time.thread_time() - started)
    before = parent.runtimes.get(LIGHT, files[FLOAT]).stat().st_size
    ms = {mode: float(np.median(seconds)) * 1000 for mode, seconds in spent.items()}
    return [
        Measured(
            mode=mode,
            ms=ms[mode],
            times=ms[mode] / ms[FLOAT],
            alike=float(np.mean(keeps[mode] == keeps[FLOAT])),
            size=file.stat().st_size,
            share=file.stat().st_size / before,
        )
        for mode, file in files.items()
        if mode != FLOAT
    ]


def _made(source: Path, mode: str, calibration: Float32Array) -> bytes:
    """The file's content in eight bits."""
    from litert_quantizer import qtyping, quantizer

    names = qtyping.TFLOperationName
    quantizing = quantizer.Quantizer(str(source))
    for operation in (names.CONV_2D, names.DEPTHWISE_CONV_2D, names.FULLY_CONNECTED):
        quantizing.add_dynamic_config(".*", operation, num_bits=8)
    if mode == STATIC:
        for operation, tensors in _inner_operations(source).items():
            words = "|".join(f"^{re.escape(name)};?$" for name in tensors)  # the library adds a semicolon
            quantizing.add_static_config(words, operation, activation_num_bits=8, weight_num_bits=8)
    ranges = {}
    if quantizing.need_calibration:
        signature, inputs = _signature(source)
        ranges = quantizing.calibrate({signature: [{inputs: calibration}]}, num_threads=2)
    return bytes(quantizing.quantize(ranges).quantized_model)


def _signature(source: Path) -> tuple[str, str]:
    """Names of a file's signature and of its one input."""
    from ai_edge_litert.interpreter import Interpreter

    make: Any = Interpreter  # untyped
    signatures = make(str(source)).get_signature_list()
    name = next(iter(signatures))
    return str(name), str(signatures[name]["inputs"][0])


def _inner_operations(source: Path) -> dict[Any, list[str]]:
    """Names of the results, by operation, of the convolutions and of what passes their results on to others.

    A sum, a pooling or a padding is one of these where all that goes into it comes out of one of these; a pooling
    only where a convolution follows, as a mean over the picture belongs to the embedding.
    """
    from litert_quantizer import qtyping
    from litert_quantizer.utils import tfl_flatbuffer_utils

    model = tfl_flatbuffer_utils.read_model(str(source))
    graph, names = model.subgraphs[0], qtyping.TFLOperationName
    kinds = [
        tfl_flatbuffer_utils.TFL_OP_CODE_TO_NAME.get(model.operatorCodes[one.opcodeIndex].builtinCode)
        for one in graph.operators
    ]
    convolved = {int(one.inputs[0]) for one, kind in zip(graph.operators, kinds, strict=True) if _convolves(kind)}
    held: set[int] = set()
    found: dict[Any, list[str]] = {}
    for one, kind in zip(graph.operators, kinds, strict=True):
        result = int(one.outputs[0])
        sources = {int(tensor) for tensor in one.inputs if _is_computed(model, graph, int(tensor))}
        passes = kind in (names.ADD, names.PAD, names.AVERAGE_POOL_2D, names.MAX_POOL_2D) and sources <= held
        pooled = kind in (names.AVERAGE_POOL_2D, names.MAX_POOL_2D)
        if _convolves(kind) or (passes and sources and (not pooled or result in convolved)):
            held.add(result)
            found.setdefault(kind, []).append(graph.tensors[result].name.decode())
    return found


def _convolves(kind: Any) -> bool:
    from litert_quantizer import qtyping

    return kind in (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.DEPTHWISE_CONV_2D)


def _is_computed(model: Any, graph: Any, tensor: int) -> bool:
    """Whether a tensor depends on the picture; constants have their numbers in the file."""
    return tensor >= 0 and model.buffers[graph.tensors[tensor].buffer].data is None
