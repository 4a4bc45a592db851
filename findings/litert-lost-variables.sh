#!/usr/bin/env bash
# TensorFlow 2.21.0 with Keras 3.15.1: the LiteRT converter leaves a model's weights out, and the file computes nonsense.
#
# `TFLiteConverter.from_concrete_functions([f], model)` is the documented way to convert a function that calls a model. Given a Keras 3
# model it converts without an error, but the weights stay resources that nobody fills: with LiteRT's default delegate the file gives
# not-a-number or any other number, and only without a delegate an error says that a variable is missing. A SavedModel that Keras' own exporter
# wrote (`keras.export.ExportArchive`) is converted rightly.
#
# Seen:
#   keras 2.0000
#   from_concrete_functions  weights as resources: 2  with delegate wrong  without RuntimeError
#   from Keras' SavedModel   weights as resources: 0  with delegate right  without right
#
# Version: tensorflow 2.21.0, keras 3.15.1, ai-edge-litert 2.3.0, numpy 2.4.6 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q tensorflow==2.21.0 keras==3.15.1 ai-edge-litert==2.3.0 numpy==2.4.6 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -W ignore - 2>"$folder/noise" <<'E2' || { tail -5 "$folder/noise"; exit 1; }
import sys

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType

numbers = keras.Input((4,))
model = keras.Model(numbers, keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(0.5))(numbers))
ONES = np.ones((1, 4), np.float32)
PLAIN = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


def computed(content, **options):
    try:
        light = Interpreter(model_content=content, **options)
        light.allocate_tensors()
        light.set_tensor(light.get_input_details()[0]["index"], ONES)
        light.invoke()
        found = float(light.get_tensor(light.get_output_details()[0]["index"])[0, 0])
        return "right" if abs(found - 2) < 1e-4 else "wrong"
    except RuntimeError:
        return "RuntimeError"


def shown(name, content):
    operations = [one["op_name"] for one in Interpreter(model_content=content)._get_ops_details()]
    resources = operations.count("VAR_HANDLE")
    seen = resources, computed(content), computed(content, experimental_op_resolver_type=PLAIN)
    print(f"{name:24} weights as resources: {seen[0]}  with delegate {seen[1]}  without {seen[2]}")
    return seen


print(f"keras {float(np.asarray(model(ONES))[0, 0]):.4f}")
function = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, 4))])
lost = shown("from_concrete_functions", tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], model).convert())
model.export("saved", format="tf_saved_model", verbose=False)
kept = shown("from Keras' SavedModel", tf.lite.TFLiteConverter.from_saved_model("saved").convert())
sys.exit(0 if lost == (2, "wrong", "RuntimeError") and kept == (0, "right", "right") else "the behaviour has changed")
E2
