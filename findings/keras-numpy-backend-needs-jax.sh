#!/usr/bin/env bash
# Keras 3.15.1: the NumPy backend cannot be imported without SciPy and JAX, neither of which Keras requires.
#
# KERAS_BACKEND=numpy is meant for inference where no framework is installed. Its linear algebra imports SciPy, and its Fourier
# transforms are those of the JAX backend, so `import keras` fails for the want of a framework that was not chosen.
#
# Seen: ModuleNotFoundError for scipy in a fresh installation; with SciPy 1.17.1 for jax; with jax 0.10.2 too it imports.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q keras==3.15.1 numpy==2.4.6 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }

changed=0
see() { # see WITH EXPECTED
  local last
  KERAS_BACKEND=numpy "$folder/venv/bin/python" -W ignore -c 'import keras; print("imports, backend", keras.backend.backend())' \
    >"$folder/said" 2>&1 || true # it fails twice, which is the point
  last=$(tail -n 1 "$folder/said")
  echo "$1: $last"
  if [ "$last" != "$2" ]; then changed=1; fi
}

see "keras 3.15.1 alone" "ModuleNotFoundError: No module named 'scipy'"
"$folder/venv/bin/pip" install -q scipy==1.17.1 numpy==2.4.6 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }
see "with scipy 1.17.1" "ModuleNotFoundError: No module named 'jax'"
"$folder/venv/bin/pip" install -q jax==0.10.2 numpy==2.4.6 2>"$folder/pip" || { cat "$folder/pip"; exit 1; }
see "with jax 0.10.2" "imports, backend numpy"
if [ "$changed" = 1 ]; then echo "the behaviour has changed" >&2; fi
exit "$changed"
