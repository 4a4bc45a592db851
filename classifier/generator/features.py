"""What a network that was trained on photographs sees in pictures, so that two sets of them can be compared.

The means of EfficientNet-Lite0's five middle stages (`classifier.backbones.efficientnet_lite0`), 448 numbers, each in
deviations from its mean over the training pictures, all together brought to one length. Otherwise the cube of the
kernel sees little but the few largest numbers: 219 where 0.6 would do, for pictures of a generator that has just
begun. Figures of different folders, or by other features, are therefore no figures to compare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from classifier.arrays import Float32Array
from classifier.backbones import efficientnet_lite0
from classifier.generator.networks import SIZE
from classifier.pictures.preprocessing import Pixels

See = Callable[[Pixels], Float32Array]  # (n, 96, 96, 3) RGB -> (n, d)
_AT_ONCE = 64
_LEAST_DEVIATION = 1e-6


def network_features() -> See:
    """The features of the published network.

    Raises:
        DeviceError: its weights are not installed; says how to get them.
    """
    import keras

    stages = efficientnet_lite0.taps(SIZE, efficientnet_lite0.published_weights())
    means = [keras.layers.GlobalAveragePooling2D()(stage) for stage in stages.outputs]
    network = keras.Model(stages.inputs[0], keras.layers.Concatenate()(means))

    def see(pictures: Pixels) -> Float32Array:
        parts = [
            np.asarray(network(pictures[at : at + _AT_ONCE].astype(np.float32), training=False))
            for at in range(0, len(pictures), _AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, network.output_shape[-1]), np.float32)

    return see


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """What features are brought to: mean 0 and deviation 1 over the training pictures, then the length √d."""

    mean: Float32Array
    deviation: Float32Array

    @classmethod
    def of(cls, features: Float32Array) -> Scale:
        return cls(features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_DEVIATION))

    def apply(self, features: Float32Array) -> Float32Array:
        scaled = (features - self.mean) / self.deviation
        length = np.sqrt(np.mean(np.square(scaled), axis=1, keepdims=True))
        return np.asarray(scaled / np.maximum(length, _LEAST_DEVIATION), dtype=np.float32)
