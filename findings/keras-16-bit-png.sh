#!/usr/bin/env bash
# Keras 3.15.1 with Pillow 13.0.0: load_img() makes a white picture of a 16-bit grey PNG, without a warning.
#
# By default load_img() converts to RGB; Pillow clips 16-bit grey at 255 there instead of scaling it, so all but the darkest 0.4 % of
# the range is white. With color_mode="grayscale" the same call gives the raw numbers, 0 to 65535, where 8-bit files give 0 to 255.
# Scans and line art are often 16-bit grey; a loop over load_img() teaches a network white paper.
#
# Seen, for the samples 0, 128, 255, 256, 4660, 65535:
#   rgb        0 128 255 255 255 255
#   grayscale  0 128 255 256 4660 65535
#
# Version: keras 3.15.1, pillow 13.0.0, jax 0.10.2, numpy 2.4.6 from PyPI.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 pillow==13.0.0 jax==0.10.2 numpy==2.4.6 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

cd "$folder"
KERAS_BACKEND=jax "$folder/venv/bin/python" -W ignore - <<'E2'
import sys

import keras
import numpy as np
import PIL
from PIL import Image

SAMPLES = [0, 128, 255, 256, 4660, 65535]
Image.fromarray(np.array([SAMPLES], dtype=np.uint16)).save("grey.png")
rgb = np.array(keras.utils.load_img("grey.png"))[0, :, 0].tolist()
grey = np.array(keras.utils.load_img("grey.png", color_mode="grayscale"))[0].tolist()

print(f"Keras {keras.__version__}, Pillow {PIL.__version__}")
print("samples of the file:       ", SAMPLES)
print("load_img, rgb (default):   ", rgb)
print("load_img, grayscale:       ", grey)
as_before = rgb == [0, 128, 255, 255, 255, 255] and grey == SAMPLES
sys.exit(0 if as_before else "the behaviour has changed")
E2
