"""How large the steps are over a training, and how long it will still take."""

from __future__ import annotations

import math

from classifier.recipes.settings import RecipeSettings

_LEAST = 1e-3  # share of the highest rate that a cosine ends with


def learning_rate(settings: RecipeSettings, epochs: float) -> float:
    """The learning rate after so many epochs, which may be broken."""
    highest = settings.rate * min(1.0, max(_LEAST, epochs / settings.warm_up)) if settings.warm_up else settings.rate
    if settings.schedule == "constant":
        return highest
    length = settings.cosine_epochs or settings.epochs
    share = epochs / length % 1.0 if epochs < settings.epochs else 1.0
    return highest * (_LEAST + (1 - _LEAST) * 0.5 * (1 + math.cos(math.pi * share)))


def duration(seconds: float) -> str:
    """A time for people: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
