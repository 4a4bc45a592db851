"""The light file of a network holds its weights and names its input and output."""

from __future__ import annotations

from typing import Any

from tests.classifier.tiny_models import TinyBackbone


def test_a_light_file_holds_its_weights_as_constants_and_has_a_signature(tiny: TinyBackbone) -> None:
    from ai_edge_litert.interpreter import Interpreter

    make: Any = Interpreter  # untyped
    light = make(str(tiny.files.runtimes["litert"]))

    ((name, names),) = light.get_signature_list().items()

    assert (name, len(names["inputs"]), names["outputs"]) == ("serving_default", 1, ["output_0"])
    assert {each["op_name"] for each in light._get_ops_details()}.isdisjoint({"VAR_HANDLE", "READ_VARIABLE"})
