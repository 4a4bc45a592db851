"""OpenVINO, imported without its telemetry.

`import openvino` by itself reports to its maker, and so does every conversion, from processes that it forks for that:
nobody has agreed to it, and a fork of a process that holds TensorFlow hangs for good, with our pipes open. Where its
package `openvino_telemetry` cannot be imported, OpenVINO uses a stub of its own that does nothing.
"""

from __future__ import annotations

import sys
from typing import Any


def openvino_without_telemetry() -> Any:
    """The module `openvino`.

    Raises:
        ImportError: it is not installed.
    """
    if "openvino" not in sys.modules:
        sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # how Python forbids an import
    import openvino

    return openvino
