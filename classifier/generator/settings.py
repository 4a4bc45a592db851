"""How a generator is trained: one frozen record, and the published trainings by number.

`crawl generate train --set KEY=VALUE` changes single settings, read as strictly as those of recipes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from classifier.errors import RecipeSettingError
from classifier.recipes.settings import from_words, setting

CROSS_ENTROPY, RELATIVISTIC = "cross_entropy", "relativistic"
LAST, LEAST_DISTANCE = "last", "best"
NETWORK, NO_FEATURES = "efficientnet_lite0", "none"
BEST = "best"  # the experiment that is none of the published ones


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSettings:
    """The defaults are the published ones that all four experiments share."""

    OWNER: ClassVar[str] = "a generator"
    noise: int = setting(100, "numbers that one picture is made of", low=1, high=4096)
    filters: int = setting(64, "of the widest map; each layer further in has twice as many", low=1, high=512)
    conditional: bool = setting(False, "both networks are told the class of a picture, where the folder has several")
    batch: int = setting(128, "pictures a step", low=2, high=4096)
    epochs: int = setting(100, "passes over the training pictures, at most", low=1, high=100_000)
    steps: int = setting(0, "batches, at most; 0: as many as the epochs have", low=0, high=100_000_000)
    minutes: float = setting(0.0, "time for training, at most; 0: as long as it takes", low=0.0, high=100_000.0)
    generator_every: int = setting(1, "batches from one step of the generator to the next", low=1, high=1000)
    discriminator_every: int = setting(1, "batches from one step of the discriminator to the next", low=1, high=1000)
    generator_rate: float = setting(2e-4, "learning rate of the generator", low=1e-8, high=1.0)
    discriminator_rate: float = setting(2e-4, "learning rate of the discriminator", low=1e-8, high=1.0)
    momentum: float = setting(0.5, "Adam's first decay", low=0.0, high=0.999)
    second_momentum: float = setting(0.999, "Adam's second decay", low=0.0, high=0.99999)
    loss: str = setting(
        CROSS_ENTROPY,
        "what they are judged by: each picture alone, or a real one against a painted one",
        choices=(CROSS_ENTROPY, RELATIVISTIC),
    )
    normal_discriminator: bool = setting(True, "batch normalisation in the discriminator, too")
    fine_layer: bool = setting(
        False, "one more layer at 96 pixels in both networks, and doubled maps averaged: sharper lines, no chequerboard"
    )
    scaled_weights: bool = setting(False, "the discriminator's first weights are as large as a layer's inputs need")
    penalty: float = setting(0.0, "weight of the gradient penalties R1 and R2; 0: none", low=0.0, high=10_000.0)
    penalty_every: int = setting(
        1, "discriminator steps from one penalty to the next, which weighs more", low=1, high=64
    )
    mirror: bool = setting(False, "half of the training pictures are mirrored")
    colour: float = setting(0.0, "how much what the discriminator sees varies in colour", low=0.0, high=1.0)
    shift: float = setting(0.0, "share of the side by which what it sees is moved, at most", low=0.0, high=0.5)
    cutout: float = setting(0.0, "share of the side of the square that is cut out of what it sees", low=0.0, high=0.9)
    variation_epochs: float = setting(
        0.0, "passes until every picture varies in colour and is cut; fewer do before; 0: from the start",
        low=0.0, high=100_000.0,
    )  # fmt: skip
    averaging: float = setting(
        0.0, "the kept generator is the average of its steps, each counting so much of the next; 0: the last", low=0.0,
        high=0.99999,
    )  # fmt: skip
    adaptive: bool = setting(False, "the discriminator's rate falls while it wins too easily, and rises again")
    features: str = setting(
        NETWORK, "network whose features the distance is measured on", choices=(NETWORK, NO_FEATURES)
    )
    measure_every: int = setting(500, "steps from one measurement to the next; 0: at the end alone", low=0, high=10**8)
    measured: int = setting(1000, "pictures that are painted to measure, at most", low=50, high=50_000)
    keep: str = setting(LAST, "which weights are kept: the last, or the best measured", choices=(LAST, LEAST_DISTANCE))
    patience: int = setting(
        0, "measurements without improvement after which training ends; 0: never early", low=0, high=10_000
    )
    sheets: str = setting("1,49,79,99", "epochs after which a sheet from the same noise is painted")
    saved_every_s: float = setting(
        120.0, "seconds from one state that a killed training goes on from to the next", low=0.0, high=86_400.0
    )
    validation_share: float = setting(0.1, "share of the pictures that picks the weights", low=0.02, high=0.45)
    test_share: float = setting(0.1, "share of the pictures that the figures are of", low=0.02, high=0.5)
    seed: int = setting(0, "seed of weights, order, noise and variations", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        if not self.sheet_epochs() and self.sheets:
            raise ValueError(f"sheets must be epochs like 1,49,99, got {self.sheets!r:.80}")
        if self.penalty and self.normal_discriminator:
            raise ValueError(
                "penalty wants normal_discriminator=false: within a normalised batch no picture has a gradient alone"
            )
        if self.features == NO_FEATURES and (self.keep != LAST or self.patience):
            raise ValueError(
                "keep=best and patience want a distance; leave out features=none, or set keep=last patience=0"
            )
        if self.validation_share + self.test_share > 0.9:
            raise ValueError("validation_share and test_share leave less than a tenth to train on")

    def sheet_epochs(self) -> tuple[int, ...]:
        """The epochs of `sheets`, from 1; empty: it names none."""
        parts = [part.strip() for part in self.sheets.split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() and 0 < int(part) < 10**6 for part in parts):
            return ()
        return tuple(sorted({int(part) for part in parts}))


# As many pictures to test on as to train on, as published; a tenth stands aside, which decides nothing here.
_PUBLISHED = GeneratorSettings(validation_share=0.1, test_share=0.45)
_LONG = replace(_PUBLISHED, epochs=200, sheets="1,49,99,199")

EXPERIMENTS: Mapping[str, GeneratorSettings] = MappingProxyType(
    {
        "1": replace(_LONG, discriminator_every=5),
        "2": replace(_LONG, generator_every=5),
        "3": _PUBLISHED,
        "4": replace(_PUBLISHED, discriminator_rate=5e-5, sheets="1,49,79,97,99"),  # its picture is of epoch 97
        BEST: GeneratorSettings(
            conditional=True,
            loss=RELATIVISTIC,
            normal_discriminator=False,
            fine_layer=True,
            scaled_weights=True,
            penalty=1.0,
            generator_rate=1e-3,
            discriminator_rate=5e-4,
            momentum=0.0,
            second_momentum=0.99,
            mirror=True,
            colour=0.5,
            shift=0.02,
            cutout=0.5,
            variation_epochs=20.0,
            averaging=0.995,
            adaptive=True,
            keep=LEAST_DISTANCE,
            patience=8,
        ),
    }
)
ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "1": "five generator steps a discriminator step, both rates 2e-4, 200 epochs: grey and distorted, as published",
        "2": "five discriminator steps a generator step, both rates 2e-4, 200 epochs: collapses, as published",
        "3": "one step each, both rates 2e-4, 100 epochs: the generator's loss keeps rising, as published",
        "4": "one step each, 2e-4 and 5e-5, 100 epochs: the best of the published four",
        BEST: "relativistic loss, gradient penalty, variations of what is judged, averaged weights, an early end",
    }
)


def experiment_settings(name: str, words: Sequence[str]) -> GeneratorSettings:
    """The settings of an experiment with `KEY=VALUE` words on top.

    Raises:
        RecipeSettingError: no such experiment, no such setting, or values that do not fit together.
    """
    if name not in EXPERIMENTS:
        raise RecipeSettingError(f"--experiment {name!r:.40}: there are {', '.join(EXPERIMENTS)}")
    return from_words(EXPERIMENTS[name], words)
