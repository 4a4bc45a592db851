"""`simpsons_cnn` against ours, which class of many: accuracy and the F1 of every class on the same test pictures.

Ours is `efficientnet_lite0`, what `crawl train NAME --from DIR --classes --network fine_tuned` trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.ancestors.material import Material
from bench.ancestors.sides import Side, Sides
from bench.ancestors.table import Comparison
from classifier.recipes import efficientnet_lite0
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.settings import from_words

ACCURACY, LEAST_F1 = 0.96, 0.90


@dataclass(frozen=True, slots=True)
class ManyBench:
    """What is compared, and how."""

    material: Material
    words: Sequence[str]  # settings of simpsons_cnn
    our_words: Sequence[str]  # settings of efficientnet_lite0
    sides: Sides = field(default_factory=Sides)


def comparisons(bench: ManyBench, name: str) -> list[Comparison]:
    """Train both sides on the pictures of that name."""
    material = bench.material
    published, own = RECIPES["simpsons_cnn"], efficientnet_lite0.RECIPE
    ours = bench.sides.recipe(own, from_words(own.settings(), bench.our_words), material)
    print(f"  {name}, ours: {_words(ours)}", flush=True)
    recipe = bench.sides.recipe(published, from_words(published.settings(), bench.words), material)
    return [
        Comparison(
            data=f"{name}, {len(material.classes)} classes: {len(material.train) + len(material.validation)} pictures",
            measured=f"accuracy, least F1 of a class, of {len(material.test)}",
            ancestor=_words(recipe),
            ours=_words(ours),
            goal=f"≥ {ACCURACY}, ≥ {LEAST_F1:.2f}",
            met=ours.accuracy >= ACCURACY and min(ours.f1) >= LEAST_F1,
            facts={"classes": material.classes, "recipe": recipe.facts(), "ours": ours.facts()},
        )
    ]


def _words(side: Side) -> str:
    setting = f"{side.setting}{side.cut()}; {side.cpu_s:.0f} CPU s ({side.clock_s:.0f} s)"
    return f"{side.accuracy:.4f}, {min(side.f1):.3f}; {setting}"
