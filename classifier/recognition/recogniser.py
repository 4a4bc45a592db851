"""A recogniser: which of many classes a picture shows, or nobody.

    embeddings -> scores: a probability for each class -> decide: a name, or None for nobody

*Nobody* is a class of its own where the folder had one. Everywhere, a name is said only from the limits on: top
probability, gap to the second, and standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from classifier.arrays import FloatArray
from classifier.head import Embeddings
from classifier.recognition.certainty import Certainty, Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.labels import NOBODY, class_names, work_of

_MORE_LIKELY_THAN_NOT = 0.5


@dataclass(frozen=True, slots=True)
class Recognised:
    """What is in one picture."""

    name: str | None  # of the class; None: nobody, or not sure enough to say a name
    probability: float  # 0..1: of the name; of the likeliest class where there is no name
    likeliest: str  # the class of the highest probability, whether it is said or not
    work: str | None = None  # that the classes' names say, where one is more likely than not
    style: str | None = None  # the likeliest; None: the recogniser knows no styles


@dataclass(frozen=True, slots=True, eq=False)
class Recogniser:
    """Heads on one embedding, and when a name is said."""

    head: ClassHead
    limits: Limits = field(default_factory=Limits)  # of no effect
    styles: ClassHead | None = None

    def __post_init__(self) -> None:
        class_names(self.head.classes)
        if self.styles is not None and self.styles.dimension != self.head.dimension:
            raise ValueError(f"styles want {self.styles.dimension} numbers, the classes {self.head.dimension}")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the scores' columns; `nobody` is among them where it is a class of its own."""
        return self.head.classes

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that can be answered: all but `nobody`."""
        return tuple(name for name in self.classes if name != NOBODY)

    @property
    def dimension(self) -> int:
        """Length of the embedding that it wants."""
        return self.head.dimension

    def scores(self, embeddings: Embeddings) -> FloatArray:
        """Probabilities, shape (n, classes), of embeddings, shape (n, d)."""
        return self.head.probabilities(embeddings)

    def decide(self, probabilities: FloatArray) -> list[str | None]:
        """A name a picture, None for nobody, from `scores`; nobody too where a score is not a number."""
        if probabilities.shape[1:] != (len(self.classes),):
            raise ValueError(f"expected probabilities of {len(self.classes)} classes, got {probabilities.shape}")
        passed = self.limits.passed(Certainty.of(probabilities))
        likeliest = [self.classes[column] for column in probabilities.argmax(axis=1).tolist()]
        return [
            name if sure and name != NOBODY else None for name, sure in zip(likeliest, passed.tolist(), strict=True)
        ]

    def recognise(self, embeddings: Embeddings) -> list[Recognised]:
        """Everything that it has to say of pictures, by embeddings of shape (n, d)."""
        probabilities = self.scores(embeddings)
        styles: Sequence[str | None] = [None] * len(probabilities)
        if self.styles is not None:
            columns = self.styles.probabilities(embeddings).argmax(axis=1).tolist()
            styles = [self.styles.classes[column] for column in columns]
        return [
            Recognised(name, float(row.max()), self.classes[int(row.argmax())], work, style)
            for name, row, work, style in zip(
                self.decide(probabilities), probabilities, self._works(probabilities), styles, strict=True
            )
        ]

    def _works(self, probabilities: FloatArray) -> list[str | None]:
        """The work a picture that is more likely than not, whichever of its characters it shows."""
        works = sorted({work_of(name) for name in self.classes} - {""})
        if not works:
            return [None] * len(probabilities)
        of = np.array([[work_of(name) == work for work in works] for name in self.classes], dtype=np.float64)
        by_work = probabilities @ of
        return [
            works[column] if likely else None
            for column, likely in zip(
                by_work.argmax(axis=1).tolist(), (by_work.max(axis=1) > _MORE_LIKELY_THAN_NOT).tolist(), strict=True
            )
        ]
