"""A recipe's Keras model while it is trained: built, compiled, stepped, kept, and cut before its last layer.

Half precision is used on a GPU alone, and never leaves this module: what is cut is a twin in single precision, because
files exported from half-precision models need operations that light interpreters lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array, IntArray
from classifier.backbones.catalogue import Origin
from classifier.pictures.preprocessing import Pixels
from classifier.recipes.recipe import CLASSES_LAYER, Recipe
from classifier.recipes.settings import RecipeSettings
from classifier.recipes.trained import TrainedNetwork

FULL, HALF = "float32", "mixed_float16"
_PREDICT_BATCH = 64

Array = npt.NDArray[Any]


class RecipeNetwork:
    """A network and its optimizer."""

    def __init__(
        self, recipe: Recipe, settings: RecipeSettings, classes: int, origin: Origin, precision: str = ""
    ) -> None:
        """Build it.

        Args:
            recipe: which.
            settings: its settings.
            classes: how many there are.
            origin: where first weights come from.
            precision: of the arithmetic; empty: as the settings and this machine have it.

        Raises:
            DeviceError: the first weights cannot be had.
        """
        import keras

        self.classes, self._recipe, self._settings, self._origin = classes, recipe, settings, origin
        self.precision = precision or (HALF if settings.precision == "auto" and has_gpu() else FULL)
        keras.utils.set_random_seed(settings.seed)
        self.model = self._whole = self._built(self.precision)
        self.base: Any = None  # what looks at pictures, where `model` is trained on what it saw
        self.forget_gradients()

    def freeze_until(self, layer: str) -> None:
        """From now on, `base` looks at pictures, and `model`, what lies behind that layer, is trained on what it saw.

        Raises:
            ValueError: something before the layer learns.
        """
        import keras

        between = self._whole.get_layer(layer).output
        self.base = keras.Model(self._whole.inputs, between)
        if self.base.trainable_variables:
            raise ValueError(f"{len(self.base.trainable_variables)} weights before the layer {layer} learn")
        self.model = keras.Model(between, self._whole.output)
        self.forget_gradients()

    def seen(self, pictures: Float32Array) -> Float32Array:
        """What the frozen base sees of pictures, shape (n, d)."""
        return np.asarray(self.base.predict_on_batch(pictures), dtype=np.float32)

    def forget_gradients(self) -> None:
        """A new optimizer: a stage knows nothing of the gradients of the one before."""
        import keras

        kinds = {
            "adam": keras.optimizers.Adam,
            "adamw": keras.optimizers.AdamW,
            "rmsprop": keras.optimizers.RMSprop,
            "sgd": partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
        }
        average = {"use_ema": True, "ema_momentum": self._settings.averaging} if self._settings.averaging else {}
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=self._settings.label_smoothing)
        compiled = "auto" if has_gpu() else False  # on processors XLA takes longer: 18 s a step of mona_cnn, not 11
        optimizer = kinds[self._settings.optimizer](self._settings.rate, **average)
        self.model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=compiled)
        self.model.optimizer.build(self.model.trainable_variables)

    def set_rate(self, rate: float) -> None:
        """The learning rate of the next step."""
        self.model.optimizer.learning_rate = rate

    def step(self, pictures: Float32Array, labels: Float32Array) -> tuple[float, float]:
        """Learn from one batch; gives its mean loss and accuracy."""
        self.model.reset_metrics()  # else Keras gives means over all steps so far
        loss, accuracy = self.model.train_on_batch(pictures, labels)
        return float(loss), float(accuracy)

    def weights(self) -> list[Array]:
        """Copies of all weights."""
        return [np.array(one.numpy()) for one in self.model.weights]

    def give(self, weights: Sequence[Array]) -> None:
        """Take weights that `weights` gave."""
        _assign(self.model.weights, weights)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within, the weights are the mean over the last steps, where such a mean is kept; afterwards as before."""
        if not self._settings.averaging:
            yield
            return
        learned = self.model.trainable_variables
        before = [np.array(one.numpy()) for one in learned]
        self.model.optimizer.finalize_variable_values(learned)
        try:
            yield
        finally:
            _assign(learned, before)

    def variables(self) -> list[Array]:
        """Copies of everything that training changes: weights, optimizer, seeds of dropout."""
        return [np.array(one.numpy()) for one in self._changing()]

    def restore(self, variables: Sequence[Array]) -> bool:
        """Take what `variables` gave; False, and nothing is taken, where it is another network's."""
        own = self._changing()
        if [tuple(one.shape) for one in own] != [one.shape for one in variables]:
            return False
        _assign(own, variables)
        return True

    def cut(self, classes: tuple[str, ...]) -> TrainedNetwork:
        """The network before its last layer, and that layer's numbers, in single precision; nothing recorded yet."""
        import keras

        model = self._whole
        if self.precision != FULL:
            twin = RecipeNetwork(self._recipe, self._settings, self.classes, self._origin, FULL)
            twin.give([np.array(one.numpy()) for one in model.weights])
            model = twin.model
        last = model.get_layer(CLASSES_LAYER)
        embedder = keras.Model(model.inputs, last.input, name=self._recipe.name)
        weights, bias = (np.asarray(one, dtype=np.float64) for one in last.get_weights())
        embedder = self._recipe.finished(embedder, self._settings)
        return TrainedNetwork(embedder, weights, bias, classes, self._settings.preprocessing(), (), self.precision)

    def _built(self, precision: str) -> Any:
        import keras

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(precision)
        try:
            return self._recipe.build(self._settings, self.classes, self._origin)
        finally:
            keras.config.set_dtype_policy(before)

    def _changing(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]


def predicted(model: Any, pictures: Pixels | Float32Array, rows: IntArray | None = None) -> Float32Array:
    """What a model says of pictures, shape (n, d); of some rows of them alone, where rows are given."""
    wanted = np.arange(len(pictures)) if rows is None else rows
    parts = [
        np.asarray(model.predict_on_batch(np.asarray(pictures[some], dtype=np.float32)), dtype=np.float32)
        for some in (wanted[at : at + _PREDICT_BATCH] for at in range(0, len(wanted), _PREDICT_BATCH))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, model.output_shape[-1]), np.float32)


def has_gpu() -> bool:
    """Whether Keras computes on a GPU here."""
    import keras

    try:
        return bool(keras.distribution.list_devices("gpu"))
    except (RuntimeError, ValueError):  # the backend knows no such devices
        return False


def _assign(variables: Sequence[Any], values: Sequence[Array]) -> None:
    import keras

    for variable, value in zip(variables, values, strict=True):
        variable.assign(keras.ops.convert_to_tensor(value, dtype=variable.dtype))
