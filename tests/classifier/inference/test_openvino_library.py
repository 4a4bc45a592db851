"""OpenVINO is used without reporting to anybody."""

from __future__ import annotations

import sys

from classifier.inference.openvino_library import openvino_without_telemetry


def test_openvino_is_loaded_without_its_telemetry() -> None:
    openvino = openvino_without_telemetry()

    from openvino.tools.ovc import telemetry_utils

    assert openvino.get_version()
    assert sys.modules["openvino_telemetry"] is None
    assert telemetry_utils.tm.__name__.endswith("telemetry_stub")
