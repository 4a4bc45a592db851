"""Files of the light interpreter, joined into one: what one gives is what the next one takes.

A network of eight bits exists as such a file alone, so its head cannot be added by Keras. Tensors, operators and
buffers of the files are laid side by side and their numbers shifted; nothing of the network itself is converted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.deployment.saved_model import DEFAULT
from classifier.deployment.scoring_network import PICTURES, PROBABILITY
from classifier.errors import DeviceError

_NOTHING = -1  # in place of a tensor: an operator's input that it can do without


def joined(files: Sequence[Path | bytes]) -> bytes:
    """One file of a chain of files, each with one input and one output; its signature is that of every export.

    Raises:
        DeviceError: one of them has another form.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils as flatbuffers

    whole, *others = [_read(one) for one in files]
    for one in others:
        _append(whole, one)
    graph = whole.subgraphs[0]
    whole.metadata, whole.metadataBuffer = None, None  # of the first file alone
    whole.signatureDefs = [
        schema.SignatureDefT(
            inputs=[schema.TensorMapT(name=PICTURES, tensorIndex=int(graph.inputs[0]))],
            outputs=[schema.TensorMapT(name=PROBABILITY, tensorIndex=int(graph.outputs[0]))],
            signatureKey=DEFAULT,
            subgraphIndex=0,
        )
    ]
    return bytes(flatbuffers.convert_object_to_bytearray(whole))


def weights_in(file: Path) -> int:
    """How many numbers a file carries: weights, scales not counted."""
    model = _read(file)
    graph = model.subgraphs[0]
    return sum(int(np.prod(one.shape)) for one in graph.tensors if model.buffers[one.buffer].data is not None)


def _read(file: Path | bytes) -> Any:
    from ai_edge_litert.tools import flatbuffer_utils as flatbuffers

    content = file if isinstance(file, bytes) else file.read_bytes()
    model = flatbuffers.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    if len(model.subgraphs) != 1 or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise DeviceError("the network's file for the light interpreter is no plain chain; it cannot be exported so")
    return model


def _append(whole: Any, other: Any) -> None:
    """Put a file's one graph behind that of another."""
    graph, added = whole.subgraphs[0], other.subgraphs[0]
    first_buffer, first_code, first_tensor = len(whole.buffers), len(whole.operatorCodes), len(graph.tensors)
    taken, given = int(added.inputs[0]), int(graph.outputs[0])

    def shifted(tensors: Any) -> list[int]:
        moved = {_NOTHING: _NOTHING, taken: given}
        return [moved.get(int(one), int(one) + first_tensor) for one in ([] if tensors is None else tensors)]

    for tensor in added.tensors:
        tensor.buffer += first_buffer
    for operator in added.operators:
        operator.opcodeIndex += first_code
        operator.inputs, operator.outputs = shifted(operator.inputs), shifted(operator.outputs)
        operator.intermediates = shifted(operator.intermediates) or None
    whole.buffers.extend(other.buffers)
    whole.operatorCodes.extend(other.operatorCodes)
    graph.tensors.extend(added.tensors)
    graph.operators.extend(added.operators)
    graph.outputs = shifted(added.outputs)
