#!/usr/bin/env bash
# TensorFlow 2.21.0 with Keras 3.15.1: the LiteRT converter drops a small constant under a root, so flat vectors grow.
#
# x / sqrt(sum(x * x) + e) is how a network brings vectors to length one and keeps those that are nearly nothing small. For e = 0.001
# the converted file computes just that. For e = 0.000244 the converter recognises L2_NORMALIZATION, which has an epsilon of its own,
# and e is gone: a vector of four times 0.005 becomes 0.5 instead of 0.27. Adding the constant to the root instead of under it,
# x / (sqrt(sum(x * x)) + e), is left alone.
#
# Seen:
#   e = 0.001     keras 0.1508  litert 0.1508
#   e = 0.000244  keras 0.2696  litert 0.5000
#
# Version: tensorflow 2.21.0, keras 3.15.1, ai-edge-litert 2.3.0, numpy 2.4.6 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tensorflow==2.21.0 keras==3.15.1 ai-edge-litert==2.3.0 numpy==2.4.6 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>"$folder/noise" <<'E2' || { tail -5 "$folder/noise"; exit 1; }
import contextlib
import io
import sys

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from keras import ops

EXPECTED = {0.001: (0.1508, 0.1508), 0.000244: (0.2696, 0.5)}
VECTOR = np.full((1, 4), 0.005, np.float32)
as_before = True
for constant, expected in EXPECTED.items():
    numbers = keras.Input((4,))
    length = ops.sqrt(ops.sum(ops.square(numbers), axis=-1, keepdims=True) + constant)
    model = keras.Model(numbers, numbers / length)
    with contextlib.redirect_stdout(io.StringIO()):
        model.export("unit.tflite", format="litert", verbose=False)
    light = Interpreter("unit.tflite")
    light.allocate_tensors()
    light.set_tensor(light.get_input_details()[0]["index"], VECTOR)
    light.invoke()
    seen = float(np.asarray(model(VECTOR))[0, 0]), float(light.get_tensor(light.get_output_details()[0]["index"])[0, 0])
    print(f"e = {constant:<9} keras {seen[0]:.4f}  litert {seen[1]:.4f}")
    as_before &= np.allclose(seen, expected, atol=5e-4)
sys.exit(0 if as_before else "the behaviour has changed")
E2
