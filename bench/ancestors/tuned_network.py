"""`inception_v3` against this program's own networks: many drawn characters; accuracy and pictures a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.ancestors.material import Material
from bench.ancestors.sides import Sides
from bench.ancestors.table import Comparison
from classifier.backbones.catalogue import Origin
from classifier.recipes import efficientnet_lite0
from classifier.recipes.inception_v3 import RECIPE
from classifier.recipes.settings import from_words

ACCURACY, TIMES = 0.965, 10.0
HEAD, NETWORK, BOTH = BY = ("head", "network", "both")


@dataclass(frozen=True, slots=True)
class TunedBench:
    """What is compared, and how."""

    material: Material
    words: Sequence[str]  # settings of inception_v3
    our_words: Sequence[str]  # settings of efficientnet_lite0
    by: str = BOTH  # ours: a head on embeddings, efficientnet_lite0, or both, a line each
    sides: Sides = field(default_factory=Sides)


def comparisons(bench: TunedBench, name: str) -> list[Comparison]:
    """Train our sides and inception_v3 on the pictures of that name."""
    material, own = bench.material, efficientnet_lite0.RECIPE
    settings = from_words(RECIPE.settings(), bench.words)
    RECIPE.check(settings, Origin())
    ours = [] if bench.by == NETWORK else [bench.sides.frozen(material)]
    if bench.by != HEAD:
        ours.append(bench.sides.recipe(own, from_words(own.settings(), bench.our_words), material))
    for side in ours:
        print(f"  {name}, ours: {side.words()}", flush=True)
    recipe = bench.sides.recipe(RECIPE, settings, material)
    count = len(material.train) + len(material.validation)
    return [
        Comparison(
            data=f"{name}, {len(material.classes)} classes: {count} pictures",
            measured=f"accuracy of {len(material.test)}; pictures a second over the recipe's",
            ancestor=f"{recipe.words()}; 1",
            ours=f"{side.words()}; {side.pictures_per_cpu_s / recipe.pictures_per_cpu_s:.1f}",
            goal=f"≥ {ACCURACY}, ≥ {TIMES:.0f}",
            met=side.accuracy >= ACCURACY and side.pictures_per_cpu_s >= TIMES * recipe.pictures_per_cpu_s,
            facts={"recipe": recipe.facts(), "ours": side.facts()},
        )
        for side in ours
    ]
