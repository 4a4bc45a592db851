"""`vgg16` against a head on stored embeddings: few pictures, few classes; accuracy and the time of training.

The published training has 20 epochs, in each of which the frozen network looks at every picture; where fewer are
measured, the others are counted as long.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.ancestors.material import Material
from bench.ancestors.sides import frozen_side, recipe_side
from bench.ancestors.table import Comparison
from classifier.backbones.catalogue import Origin
from classifier.recipes.settings import from_words
from classifier.recipes.vgg16 import RECIPE

ACCURACY, SHARE = 0.99, 0.1
_EPOCHS = 20
_ONCE = ("passes=1", "epochs=60", "rate=0.003")


def comparisons(material: Material, words: Sequence[str], name: str) -> list[Comparison]:
    """Train three ways: as published, looking once, and ours.

    Args:
        material: the pictures.
        words: settings of vgg16.
        name: of the pictures.
    """
    settings = from_words(RECIPE.settings(), ["passes=0", "patience=0", *words])
    RECIPE.check(settings, Origin())
    once = from_words(settings, _ONCE)
    ours, published = frozen_side(material), recipe_side(RECIPE, settings, material)
    looking_once = recipe_side(RECIPE, once, material)
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
