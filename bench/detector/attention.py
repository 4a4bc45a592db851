"""Where heads are, learned from solo posts whose tags say who is shown and not where: attention over a feature map.

Each cell of the map says how much it counts and whom it shows; a picture shows whom its cells show, as far as they
count. Only the tags teach it. The same map with the true places is the best that such a detector could be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array, FloatArray, IntArray
from classifier.backbones import efficientnet_lite0
from classifier.pictures.preprocessing import Pixels

SIDE = 256  # pixels of the picture that is searched: it costs four looks
CELLS = SIDE // 16
_STRIDE_8, _STRIDE_16 = 40, (80, 112)  # channels of the maps that are used
_AT_ONCE = 8
_WIDTH = 64
_EPOCHS = 40
_PEAK_RADIUS = 2  # cells; two peaks are further apart

Maps = npt.NDArray[np.float16]  # (n, cells, cells, channels)


def feature_maps(pictures: Pixels) -> Maps:
    """Feature maps of the published network, a cell for 16 pixels, of pictures of shape (n, SIDE, SIDE, 3)."""
    from keras import ops

    trunk = efficientnet_lite0.taps(SIDE, efficientnet_lite0.published_weights())
    found = []
    for start in range(0, len(pictures), _AT_ONCE):
        maps = {int(one.shape[-1]): one for one in trunk(pictures[start : start + _AT_ONCE].astype(np.float32))}
        fine = ops.average_pool(maps[_STRIDE_8], 2, strides=2)
        found.append(np.concatenate([np.asarray(one) for one in (fine, *(maps[count] for count in _STRIDE_16))], -1))
    return np.concatenate(found).astype(np.float16)


def learn_attention(maps: Maps, kinds: IntArray, seed: int) -> Any:
    """A `keras.Model` from maps to attention, shape (n, cells, cells), that was taught who is in each picture."""
    import keras
    from keras import ops

    keras.utils.set_random_seed(seed)
    inputs, hidden = _hidden(maps)
    attention = ops.softmax(ops.reshape(keras.layers.Dense(1)(hidden), (-1, CELLS * CELLS)), axis=1)
    each = ops.reshape(keras.layers.Dense(int(kinds.max()) + 1)(hidden), (-1, CELLS * CELLS, int(kinds.max()) + 1))
    whole = ops.sum(ops.expand_dims(attention, 2) * each, axis=1)
    _fit(keras.Model(inputs, whole), maps, kinds, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return keras.Model(inputs, ops.reshape(attention, (-1, CELLS, CELLS)))


def learn_places(maps: Maps, faces: npt.NDArray[np.bool_], seed: int) -> Any:
    """The same from the true places of faces, (n, cells, cells), which no gallery has."""
    import keras
    from keras import ops

    keras.utils.set_random_seed(seed)
    inputs, hidden = _hidden(maps)
    places = ops.reshape(keras.layers.Dense(1)(hidden), (-1, CELLS, CELLS))
    model = keras.Model(inputs, places)
    _fit(model, maps, faces.astype(np.float32), keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def peaks(scores: FloatArray | Float32Array, most: int) -> Sequence[tuple[int, int]]:
    """Row and column of the highest cells of a map, shape (cells, cells), each apart from the others."""
    left, found = np.array(scores, dtype=np.float64), list[tuple[int, int]]()
    for _ in range(most):
        row, column = divmod(int(left.argmax()), CELLS)
        found.append((row, column))
        near = slice(max(0, row - _PEAK_RADIUS), row + _PEAK_RADIUS + 1)
        left[near, max(0, column - _PEAK_RADIUS) : column + _PEAK_RADIUS + 1] = -np.inf
    return found


def _hidden(maps: Maps) -> tuple[Any, Any]:
    import keras

    some = maps[:: max(1, len(maps) // 100)].astype(np.float32)
    mean, spread = some.mean(axis=(0, 1, 2)), some.std(axis=(0, 1, 2)) + 1e-3
    inputs = keras.Input(maps.shape[1:])
    standard = keras.layers.Rescaling(1 / spread, offset=-mean / spread)(inputs)
    around = keras.layers.Conv2D(_WIDTH, 3, padding="same", activation="relu")(keras.layers.Dropout(0.2)(standard))
    return inputs, keras.layers.Dense(_WIDTH, activation="relu")(around)


def _fit(model: Any, maps: Maps, truth: Any, loss: Any) -> None:
    import keras

    model.compile(optimizer=keras.optimizers.AdamW(1e-3, weight_decay=1e-3), loss=loss)
    model.fit(maps, truth, epochs=_EPOCHS, batch_size=16, verbose=0)
