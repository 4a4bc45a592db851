"""What the two networks are judged by. Keras' backend-neutral operations alone.

Sources: Goodfellow et al. 2014, "Generative Adversarial Nets", with the generator's loss that does not saturate;
Jolicoeur-Martineau 2019, "The relativistic discriminator", in pairs as in Huang et al. 2025, "The GAN is dead; long
live the GAN!", which also penalises gradients at real and at painted pictures (R1: Mescheder et al. 2018).
"""

from __future__ import annotations

from typing import Any

from classifier.generator.settings import CROSS_ENTROPY


def discriminator_loss(kind: str, real: Any, painted: Any) -> Any:
    """Mean loss of the discriminator, nats.

    Args:
        kind: `cross_entropy` or `relativistic`.
        real: logits of real pictures, (n, 1).
        painted: of painted ones, (n, 1).
    """
    from keras import ops

    if kind == CROSS_ENTROPY:
        return ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(painted))
    return ops.mean(ops.softplus(painted - real))


def generator_loss(kind: str, real: Any, painted: Any) -> Any:
    """Mean loss of the generator, nats; `real` counts in pairs alone."""
    from keras import ops

    if kind == CROSS_ENTROPY:
        return ops.mean(ops.softplus(-painted))
    return ops.mean(ops.softplus(real - painted))


def squared_length(gradients: Any) -> Any:
    """Mean squared length of each picture's gradient, shape (n, h, w, 3): R1 of real pictures, R2 of painted ones."""
    from keras import ops

    return ops.mean(ops.sum(ops.square(gradients), axis=(1, 2, 3)))
