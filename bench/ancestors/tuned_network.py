"""`inception_v3` against this program's own networks: many drawn characters; accuracy and pictures a second."""

from __future__ import annotations

from collections.abc import Sequence

from bench.ancestors.material import Material
from bench.ancestors.sides import fine_tuned_side, frozen_side, recipe_side
from bench.ancestors.table import Comparison
from classifier.recipes.inception_v3 import RECIPE
from classifier.recipes.settings import from_words

ACCURACY, TIMES = 0.965, 10.0


def comparisons(material: Material, words: Sequence[str], minutes: float, name: str) -> list[Comparison]:
    """Train inception_v3, a head on embeddings, and, in so many minutes, the last stages too.

    Args:
        material: the pictures.
        words: settings of inception_v3.
        minutes: 0: a head alone.
        name: of the pictures.
    """
    ours = [frozen_side(material), *([fine_tuned_side(material, minutes)] if minutes else [])]
    recipe = recipe_side(RECIPE, from_words(RECIPE.settings(), words), material)
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
