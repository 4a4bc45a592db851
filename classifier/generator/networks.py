"""The two networks: five layers each, mirror images of one another, for pictures of 96 pixels.

    noise -> 4 -> 8 -> 16 -> 32 -> 96 pixels     transposed convolutions of 4×4, the last of 5×5
    picture -> 32 -> 16 -> 8 -> 4 -> one number  the same convolutions the other way round

Strides are 1, 2, 2, 2, 3; "same" takes away one row on each side at strides 2 and 3, which is a padding of 1. The
published discriminator ends in a sigmoid; here that is in the loss, which is the same in numbers and never 0 or 1.

Source: Radford, Metz & Chintala 2016, "Unsupervised Representation Learning with Deep Convolutional GANs"; classes go
into the discriminator by a product with its features (Miyato & Koyama 2018, "cGANs with Projection Discriminator").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SIZE = 96  # pixels of both sides
COLOURS = 3
_SPREAD = 0.02  # standard deviation of the published first weights
_LEAK = 0.2  # slope of LeakyReLU below zero
_OF_NORMAL = {"momentum": 0.9, "epsilon": 1e-5}


@dataclass(frozen=True, slots=True)
class FirstWeights:
    """How networks begin."""

    seed: int = 0
    scaled: bool = False  # as large as a layer's inputs need (He et al. 2015); else of one deviation, as published

    def of(self, layer: int) -> Any:
        """A layer's, by its number among those of both networks."""
        import keras

        seed = self.seed * 100 + layer
        if self.scaled:
            return keras.initializers.HeNormal(seed=seed)
        return keras.initializers.RandomNormal(stddev=_SPREAD, seed=seed)


def build_generator(noise: int, filters: int, classes: int = 0, seed: int = 0, *, fine: bool = False) -> Any:
    """A `keras.Model` from noise, shape (n, noise), to pictures, (n, 96, 96, 3), -1..1.

    Args:
        noise: numbers a picture is made of.
        filters: of the map before the last layer; further in 2, 4 and 8 times as many.
        classes: how many there are; then the model takes a second input, one-hot, (n, classes). 0: it takes none.
        seed: of the first weights.
        fine: one more layer between the fourth and the last, at 96 pixels: enlarged first and filtered then, so there
            is no chequerboard (Odena et al. 2016), and with a ReLU of its own, so lines can be sharper than a map of
            32 pixels makes them; and each map that was doubled is averaged over 2×2, as steps of 2 paint one, too.
    """
    import keras

    first = FirstWeights(seed)

    numbers = keras.Input((noise,), name="noise")
    inputs, x = [numbers], numbers
    if classes:
        shown = keras.Input((classes,), name="shows")
        inputs.append(shown)
        x = keras.layers.Concatenate(name="told")([numbers, shown])
    x = keras.layers.Reshape((1, 1, noise + classes), name="point")(x)
    for number, (wider, stride, padding) in enumerate(
        ((8, 1, "valid"), (4, 2, "same"), (2, 2, "same"), (1, 2, "same"))
    ):
        x = keras.layers.Conv2DTranspose(
            wider * filters, 4, strides=stride, padding=padding, use_bias=False,
            kernel_initializer=first.of(number), name=f"layer{number + 1}",
        )(x)  # fmt: skip
        if fine and stride == 2:
            x = keras.layers.AveragePooling2D(2, strides=1, padding="same", name=f"smooth{number + 1}")(x)
        x = keras.layers.BatchNormalization(**_OF_NORMAL, name=f"normal{number + 1}")(x)
        x = keras.layers.ReLU(name=f"relu{number + 1}")(x)
    last, stride = keras.layers.Conv2DTranspose, 3
    if fine:
        x = keras.layers.UpSampling2D(3, interpolation="bilinear", name="enlarged")(x)
        x = keras.layers.Conv2D(
            fine_filters(filters), 3, padding="same", use_bias=False, kernel_initializer=first.of(5), name="fine"
        )(x)
        x = keras.layers.BatchNormalization(**_OF_NORMAL, name="normal_fine")(x)
        x = keras.layers.ReLU(name="relu_fine")(x)
        last, stride = keras.layers.Conv2D, 1
    pictures = last(
        COLOURS, 5, strides=stride, padding="same", use_bias=False, activation="tanh",
        kernel_initializer=first.of(4), name="layer5",
    )(x)  # fmt: skip
    return keras.Model(inputs if classes else numbers, pictures, name="generator")


def fine_filters(filters: int) -> int:
    """Of the layers at 96 pixels, in both networks."""
    return max(1, filters // 2)


def build_discriminator(
    filters: int, *, normal: bool, classes: int = 0, first: FirstWeights = FirstWeights(), fine: bool = False
) -> Any:
    """A `keras.Model` from pictures, (n, 96, 96, 3), -1..1, to how real they look: logits, (n, 1).

    Args:
        filters: of the first map; further in 2, 4 and 8 times as many.
        normal: batch normalisation in the layers between the first and the last.
        classes: as for the generator.
        first: the first weights.
        fine: one more layer before the first, at 96 pixels.
    """
    import keras

    pictures = keras.Input((SIZE, SIZE, COLOURS), name="pictures")
    inputs, x = [pictures], pictures
    if fine:
        x = keras.layers.Conv2D(fine_filters(filters), 3, padding="same", kernel_initializer=first.of(16), name="fine")(
            x
        )
        x = keras.layers.LeakyReLU(negative_slope=_LEAK, name="relu_fine")(x)
    for number, (wider, side, stride) in enumerate(((1, 5, 3), (2, 4, 2), (4, 4, 2), (8, 4, 2))):
        x = keras.layers.Conv2D(
            wider * filters, side, strides=stride, padding="same", use_bias=not normal,
            kernel_initializer=first.of(10 + number), name=f"layer{number + 1}",
        )(x)  # fmt: skip
        if normal and number:
            x = keras.layers.BatchNormalization(**_OF_NORMAL, name=f"normal{number + 1}")(x)
        x = keras.layers.LeakyReLU(negative_slope=_LEAK, name=f"relu{number + 1}")(x)
    logits = keras.layers.Conv2D(1, 4, padding="valid", use_bias=False, kernel_initializer=first.of(14), name="layer5")(
        x
    )
    logits = keras.layers.Reshape((1,), name="logits")(logits)
    if classes:
        shown = keras.Input((classes,), name="shows")
        inputs.append(shown)
        wanted = keras.layers.Dense(8 * filters, use_bias=False, kernel_initializer=first.of(15), name="wanted")
        seen = keras.layers.GlobalAveragePooling2D(name="seen")(x)
        fits = keras.layers.Dot(1, name="fits")([wanted(shown), seen])
        logits = keras.layers.Add(name="logits_of_class")([logits, fits])
    return keras.Model(inputs if classes else pictures, logits, name="discriminator")
