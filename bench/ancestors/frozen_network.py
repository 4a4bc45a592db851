"""`vgg16` against a head on stored embeddings: few pictures, few classes; accuracy and the time of training.

The published training has 20 epochs, in each of which the frozen network looks at every picture; where fewer are
measured, the others are counted as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.ancestors.material import Material
from bench.ancestors.sides import Sides
from bench.ancestors.table import Comparison
from classifier.backbones.catalogue import Origin
from classifier.recipes.settings import from_words
from classifier.recipes.vgg16 import RECIPE

ACCURACY, SHARE = 0.99, 0.1
_EPOCHS = 20
_ONCE = ("passes=1", "epochs=60", "rate=0.003")


@dataclass(frozen=True, slots=True)
class FrozenBench:
    """What is compared, and how."""

    material: Material
    words: Sequence[str]  # settings of vgg16
    sides: Sides = field(default_factory=Sides)


def comparisons(bench: FrozenBench, name: str) -> list[Comparison]:
    """Train three ways on the pictures of that name: as published, looking once, and ours."""
    material, sides = bench.material, bench.sides
    settings = from_words(RECIPE.settings(), ["passes=0", "patience=0", *bench.words])
    RECIPE.check(settings, Origin())
    once = from_words(settings, _ONCE)
    ours, published = sides.frozen(material), sides.recipe(RECIPE, settings, material)
    looking_once = sides.recipe(RECIPE, once, material)
    whole = published.cpu_s * _EPOCHS / (settings.epochs * published.done)
    count = len(material.train) + len(material.validation)
    return [
        Comparison(
            data=f"{name}, {len(material.classes)} classes: {count} pictures",
            measured=f"accuracy of {len(material.test)}; time of training over that of {_EPOCHS} epochs",
            ancestor=f"{side.words()}; {side.cpu_s / whole if side is looking_once else 1:.3f}",
            ours=f"{ours.words()}; {ours.cpu_s / whole:.3f}",
            goal=f"≥ {ACCURACY}, ≤ {SHARE}",
            met=ours.accuracy >= ACCURACY and ours.cpu_s <= SHARE * whole,
            facts={"recipe": side.facts(), "ours": ours.facts()},
        )
        for side in (published, looking_once)
    ]
