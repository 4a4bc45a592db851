"""A tagger's graph, as far as its penultimate layer goes: which tensor that is, and how it becomes an answer as well.

    ... -> penultimate layer -> matrix product (+ bias) -> probabilities

An ONNX file is one protocol-buffer message, and there a message may be written in pieces: fields that may repeat add up
when it is read. So a graph gets one output more by a few bytes behind the file's, in memory; the user's file stays as
it is, and the package `onnx`, which would do the same, is not needed. Of the message only what is read here is looked
at: nodes and outputs; weights are skipped.

Source: https://protobuf.dev/programming-guides/encoding/#optional and onnx.proto3 of ONNX 1.23.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_GRAPH = 7  # field of a model
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of a graph
_INPUTS, _OUTPUTS, _OPERATOR = 1, 2, 4  # of a node
_NAME = 1  # of an output
_TENSOR_NAME = 8
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5  # kinds of fields
_PRODUCTS = frozenset({"Gemm", "MatMul"})
_THROUGH = frozenset({"Sigmoid", "Identity", "Cast", "Add", "Sub", "Mul", "Div", "Clip", "Reshape", "Squeeze"})
_MOST_STEPS = 20  # from the answer back to the product
_MOST_NODES = 200_000

Window = tuple[int, int]  # where in the file something begins, and where it ends


class NotReadable(ValueError):
    """The bytes are no such message."""


@dataclass(frozen=True, slots=True)
class Node:
    """One step of the computation."""

    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaggerGraph:
    """What computes what."""

    by_output: Mapping[str, Node]  # what gives each tensor
    constants: frozenset[str]  # tensors that the file holds
    answers: tuple[str, ...]  # tensors that it gives to whoever runs it

    @property
    def hidden_layers(self) -> tuple[str, ...]:
        """The penultimate layers of its answers that are not answers themselves."""
        found = dict.fromkeys(self.penultimate(answer) for answer in self.answers)
        return tuple(name for name in found if name and name not in self.answers)

    def penultimate(self, answer: str) -> str:
        """The tensor that the last matrix product turns into an answer; "" where none is found."""
        tensor = answer
        for _ in range(_MOST_STEPS):
            node = self.by_output.get(tensor)
            if node is None:
                return ""
            computed = [name for name in node.inputs if name and name not in self.constants and not self._fixed(name)]
            if node.operator in _PRODUCTS:
                return computed[0] if len(computed) == 1 and computed[0] == node.inputs[0] else ""
            if node.operator not in _THROUGH or len(computed) != 1:
                return ""
            tensor = computed[0]
        return ""

    def _fixed(self, name: str) -> bool:
        """Whether a tensor is a constant that a node gives."""
        node = self.by_output.get(name)
        if node is None:
            return False
        return node.operator == "Constant" or (
            node.operator in ("Identity", "Cast", "Transpose", "DequantizeLinear")
            and all(one in self.constants for one in node.inputs if one)
        )


def read_graph(path: Path) -> TaggerGraph:
    """The graph in an ONNX file.

    Raises:
        NotReadable: it holds none.
        OSError: it cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        nodes: list[tuple[Node, tuple[str, ...]]] = []
        constants: set[str] = set()
        answers: list[str] = []
        for number, graph in _messages(content, (0, len(content))):
            if number != _GRAPH:
                continue
            for field, window in _messages(content, graph):
                if field == _NODE:
                    nodes.append(_node(content, window))
                elif field == _INITIALIZER:
                    constants.update(_texts(content, window, _TENSOR_NAME))
                elif field == _OUTPUT:
                    answers += _texts(content, window, _NAME)
                if len(nodes) > _MOST_NODES:
                    raise NotReadable(f"it has more than {_MOST_NODES} nodes")
    by_output = {output: node for node, outputs in nodes for output in outputs}
    return TaggerGraph(by_output, frozenset(constants), tuple(answers))


def as_answers(tensors: Sequence[str]) -> bytes:
    """What makes tensors answers of a model, where it stands behind the model's own bytes."""
    outputs = [_field(_OUTPUT, _field(_NAME, tensor.encode())) for tensor in tensors]
    return _field(_GRAPH, b"".join(outputs))


def with_answers(path: Path, tensors: Sequence[str]) -> bytes:
    """A model's file with tensors of it as further answers, copied once: it may have a gigabyte.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return b"".join((content, as_answers(tensors)))


def _node(content: mmap.mmap, window: Window) -> tuple[Node, tuple[str, ...]]:
    inputs, outputs, operator = list[str](), list[str](), ""
    for field, (start, end) in _messages(content, window):
        if field in (_INPUTS, _OUTPUTS, _OPERATOR):
            text = content[start:end].decode("utf-8", "replace")
            if field == _OPERATOR:
                operator = text
            else:
                (inputs if field == _INPUTS else outputs).append(text)
    return Node(operator, tuple(inputs)), tuple(outputs)


def _texts(content: mmap.mmap, window: Window, wanted: int) -> Iterator[str]:
    for field, (start, end) in _messages(content, window):
        if field == wanted:
            yield content[start:end].decode("utf-8", "replace")


def _messages(content: mmap.mmap, window: Window) -> Iterator[tuple[int, Window]]:
    """Number and place of each field that has a length of its own; numbers are passed over.

    Raises:
        NotReadable: this is no message.
    """
    at, end = window
    while at < end:
        key, at = _number(content, at, end)
        kind = key & 7
        if kind == _BYTES:
            length, at = _number(content, at, end)
            if length > end - at:
                raise NotReadable("a field is longer than what it is in")
            yield key >> 3, (at, at + length)
            at += length
        elif kind == _VARINT:
            _, at = _number(content, at, end)
        elif kind in (_EIGHT, _FOUR):
            at += 8 if kind == _EIGHT else 4
        else:
            raise NotReadable(f"a field is of kind {kind}")


def _number(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = 0
    for place in range(10):
        if at + place >= end:
            break
        byte = content[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise NotReadable("a number has no end")


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
