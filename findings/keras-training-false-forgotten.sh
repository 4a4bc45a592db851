#!/usr/bin/env bash
# Keras 3.15.1 with TensorFlow 2.21.0: `layer(x, training=False)` within a functional model does not hold while the model is trained. Keras' own guide to
# transfer learning calls a frozen base so, "to keep it in inference mode when we unfreeze it"; `fit` hands its own
# training=True to every layer instead, and batch normalisation goes on counting. Only `trainable = False` keeps it still.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 2>"$folder/pip" ||
  { cat "$folder/pip"; exit 1; }
cat > "$folder/look.py" <<'PYTHON'
import keras
import numpy as np

pictures = np.random.default_rng(0).normal(3.0, 5.0, (64, 4)).astype("float32")


def moved(trainable: bool, training: bool | None) -> float:
    """By how much the mean of a normalisation layer moves in one epoch."""
    keras.utils.set_random_seed(0)
    normal = keras.layers.BatchNormalization()
    normal.trainable = trainable
    base = keras.Sequential([keras.Input((4,)), normal])
    entry = keras.Input((4,))
    model = keras.Model(entry, keras.layers.Dense(1)(base(entry, training=training)))
    model.compile("sgd", "mse")
    model.fit(pictures, np.zeros((64, 1)), verbose=0)
    return float(np.abs(np.asarray(normal.moving_mean)).max())


print("Keras", keras.version())
called, frozen = moved(True, False), moved(False, None)
print(f"called with training=False, trainable: its mean moved by {called:.3f}")
print(f"called without, trainable = False:     its mean moved by {frozen:.3f}")
assert called > 0, "training=False holds in fit now: this finding is out of date"
assert frozen == 0, "trainable = False no longer keeps it still: this finding is out of date"
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/look.py" 2>/dev/null
