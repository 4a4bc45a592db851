"""The two networks at work: one step each, averaged weights, and everything that a training that goes on must find.

The one module of this wing that is TensorFlow's: a penalty on gradients is learned through a gradient, for which Keras
has no backend-neutral call, so two `tf.GradientTape` lie in one another. All else is `keras.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import Float32Array
from classifier.generator.losses import discriminator_loss, generator_loss, squared_length
from classifier.generator.networks import FirstWeights, build_discriminator, build_generator
from classifier.generator.settings import GeneratorSettings
from classifier.generator.variation import Variation, varied

Array = npt.NDArray[Any]
_PAINTED_AT_ONCE = 32  # always, so that a picture does not depend on how many are asked for


@dataclass(frozen=True, slots=True, eq=False)
class StepInput:
    """What one step works with; all drawn from seed and number of the step."""

    real: Float32Array  # (n, 96, 96, 3), -1..1
    shows: Float32Array  # (n, classes), one-hot; no columns where networks are not told
    noise: Float32Array  # (n, noise)
    varied_real: Float32Array  # (n, COLUMNS)
    varied_painted: Float32Array  # (n, COLUMNS)


@dataclass(frozen=True, slots=True)
class DiscriminatorStep:
    """What came of a step."""

    loss: float  # nats, without the penalty
    penalty: float  # weighted; 0 where there was none
    told_apart: float  # 0..1, share of pairs in which the real picture looked more real


class Adversaries:
    """A generator, its average, and a discriminator."""

    def __init__(self, settings: GeneratorSettings, classes: int) -> None:
        """Build them with their first weights.

        Args:
            settings: filters, loss, rates and so on.
            classes: that the networks are told; 0: they are not.
        """
        import keras
        import tensorflow as tf

        self._settings, self._variation, self._classes = settings, Variation.of(settings), classes
        first = FirstWeights(settings.seed, settings.scaled_weights)
        self._generator, self._averaged = (
            build_generator(settings.noise, settings.filters, classes, settings.seed, fine=settings.fine_layer)
            for _ in range(2)
        )
        self._discriminator = build_discriminator(
            settings.filters,
            normal=settings.normal_discriminator,
            classes=classes,
            first=first,
            fine=settings.fine_layer,
        )
        self._averaged.set_weights(self._generator.get_weights())
        rates = (settings.generator_rate, settings.discriminator_rate)
        self._optimizers = [keras.optimizers.Adam(rate, settings.momentum, settings.second_momentum) for rate in rates]
        for optimizer, network in zip(self._optimizers, (self._generator, self._discriminator), strict=True):
            optimizer.build(network.trainable_variables)
        self._tf = tf
        self._steps = {penalised: tf.function(self._discriminated(penalised)) for penalised in (False, True)}
        self._generated_step = tf.function(self._generated)
        self._average_step = tf.function(self._average)
        self._paint = tf.function(lambda inputs: self.kept(inputs, training=False))

    @property
    def kept(self) -> Any:
        """The generator that pictures are painted by: the average, where there is one."""
        return self._averaged if self._settings.averaging else self._generator

    def logged(self) -> Any:
        """The generator as a compiled `keras.Model`, which is what Keras' log for TensorBoard takes."""
        import keras

        model = keras.Model(self._generator.inputs, self._generator.outputs)
        model.compile(optimizer=self._optimizers[0])
        return model

    @property
    def optimizers(self) -> tuple[Any, Any]:
        """The generator's and the discriminator's, Keras' own."""
        generator, discriminator = self._optimizers
        return generator, discriminator

    @property
    def noise(self) -> int:
        """Numbers that one picture is made of."""
        return self._settings.noise

    def set_discriminator_rate(self, rate: float) -> None:
        """From the next step on."""
        self._optimizers[1].learning_rate.assign(rate)

    def discriminate(self, given: StepInput, *, penalised: bool) -> DiscriminatorStep:
        """One step of the discriminator."""
        loss, penalty, apart = self._steps[penalised](*_tensors(given))
        return DiscriminatorStep(float(loss), float(penalty), float(apart))

    def generate(self, given: StepInput) -> float:
        """One step of the generator; gives its loss, nats."""
        return float(self._generated_step(*_tensors(given)))

    def average(self, step: int) -> None:
        """Let the average follow; its first steps count for more, or it would remember the first weights for long."""
        if self._settings.averaging:
            kept = min(self._settings.averaging, (1 + step) / (10 + step))
            self._average_step(self._tf.constant(kept, dtype="float32"))

    def paint(self, noise: Float32Array, shows: Float32Array) -> npt.NDArray[np.uint8]:
        """Pictures of noise by the kept generator, (n, 96, 96, 3), RGB."""
        return painted(self._paint, noise, shows)

    def weights(self) -> list[Array]:
        """Of the kept generator."""
        return list(self.kept.get_weights())

    def give(self, weights: Sequence[Array]) -> None:
        """Set the kept generator's weights."""
        self.kept.set_weights(list(weights))

    def variables(self) -> list[Array]:
        """Everything that changes while training."""
        return [variable.numpy() for variable in self._variables()]

    def restore(self, variables: Sequence[Array]) -> bool:
        """Set what `variables` gave; False where it does not fit, and nothing was set."""
        own = self._variables()
        if [tuple(one.shape) for one in own] != [one.shape for one in variables]:
            return False
        for variable, value in zip(own, variables, strict=True):
            variable.assign(value)
        return True

    def _variables(self) -> list[Any]:
        networks = (self._generator, self._discriminator, self._averaged)
        return [
            *(weight for network in networks for weight in network.weights),
            *(variable for optimizer in self._optimizers for variable in optimizer.variables),
        ]

    def _painted(self, noise: Any, shows: Any) -> Any:
        return self._generator([noise, shows] if self._classes else noise, training=True)

    def _logits(self, pictures: Any, shows: Any) -> Any:
        return self._discriminator([pictures, shows] if self._classes else pictures, training=True)

    def _seen(self, pictures: Any, how: Any) -> Any:
        return pictures if self._variation.nothing else varied(pictures, how, self._variation)

    def _discriminated(self, penalised: bool) -> Any:
        """A step of the discriminator, with or without the penalty."""
        tf, settings = self._tf, self._settings
        weight = 0.5 * settings.penalty * settings.penalty_every

        def step(real: Any, shows: Any, noise: Any, how_real: Any, how_painted: Any) -> tuple[Any, Any, Any]:
            seen = self._seen(real, how_real)
            seen_painted = self._seen(tf.stop_gradient(self._painted(noise, shows)), how_painted)
            with tf.GradientTape() as tape:
                with tf.GradientTape(persistent=False) as at_pictures:
                    at_pictures.watch([seen, seen_painted])
                    of_real, of_painted = self._logits(seen, shows), self._logits(seen_painted, shows)
                    together = tf.reduce_sum(of_real) + tf.reduce_sum(of_painted)
                loss, penalty = discriminator_loss(settings.loss, of_real, of_painted), tf.constant(0.0)
                if penalised:
                    gradients = at_pictures.gradient(together, [seen, seen_painted])
                    penalty = weight * sum(squared_length(one) for one in gradients)
                whole = loss + penalty
            trained = self._discriminator.trainable_variables
            self._optimizers[1].apply(tape.gradient(whole, trained), trained)
            return loss, penalty, tf.reduce_mean(tf.cast(of_real > of_painted, "float32"))

        return step

    def _generated(self, real: Any, shows: Any, noise: Any, how_real: Any, how_painted: Any) -> Any:
        tf, settings = self._tf, self._settings
        pairs = settings.loss != "cross_entropy"
        of_real = self._logits(self._seen(real, how_real), shows) if pairs else None
        with tf.GradientTape() as tape:
            of_painted = self._logits(self._seen(self._painted(noise, shows), how_painted), shows)
            loss = generator_loss(settings.loss, of_real, of_painted)
        trained = self._generator.trainable_variables
        self._optimizers[0].apply(tape.gradient(loss, trained), trained)
        return loss

    def _average(self, kept: Any) -> None:
        for averaged, now in zip(self._averaged.weights, self._generator.weights, strict=True):
            averaged.assign(kept * averaged + (1 - kept) * now)


def painted(paint: Any, noise: Float32Array, shows: Float32Array) -> npt.NDArray[np.uint8]:
    """Pictures of noise, (n, 96, 96, 3), RGB; in batches of one size, so each depends on its own noise alone.

    Args:
        paint: from a batch's inputs, as the generator takes them, to pictures, -1..1.
        noise: (n, noise).
        shows: (n, classes); no columns where the generator is not told.
    """
    parts = []
    for start in range(0, len(noise), _PAINTED_AT_ONCE):
        rows = slice(start, start + _PAINTED_AT_ONCE)
        inputs = [_filled(noise[rows]), _filled(shows[rows])] if shows.shape[1] else _filled(noise[rows])
        pictures = np.asarray(paint(inputs))[: len(noise[rows])]
        parts.append(np.clip(np.rint((pictures + 1) * 127.5), 0, 255).astype(np.uint8))
    return np.concatenate(parts)


def _filled(rows: Float32Array) -> Float32Array:
    """A batch's rows, with zeros where it is not full."""
    return np.concatenate([rows, np.zeros((_PAINTED_AT_ONCE - len(rows), rows.shape[1]), np.float32)])


def _tensors(given: StepInput) -> tuple[Any, ...]:
    from keras import ops

    fields = (given.real, given.shows, given.noise, given.varied_real, given.varied_painted)
    return tuple(ops.convert_to_tensor(one) for one in fields)
