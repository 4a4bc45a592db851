"""What is measured of a recogniser on pictures with labels: answers with and without limits, and thresholds to propose.

Pictures of classes that the recogniser does not know should get no name: they count as nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.arrays import BoolArray, FloatArray
from classifier.recognition.certainty import Certainty
from classifier.recognition.labels import NOBODY
from classifier.recognition.quality import ManyClassQuality, Share, ThresholdCurves, threshold_curves
from classifier.recognition.recogniser import Recogniser


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RecogniserAssessment:
    """Of n pictures."""

    model: str  # family/3
    on: str  # which pictures, in words
    recogniser: Recogniser
    truth: tuple[str, ...]  # of each picture a name, or nobody
    probabilities: FloatArray  # (n, classes)
    answers: tuple[str, ...]  # of each picture a name, or nobody, with the limits in force
    seen: BoolArray  # (n,) it was trained on the picture
    unknown: Mapping[str, int]  # classes that it does not know -> pictures
    notes: tuple[str, ...] = ()

    @property
    def quality(self) -> ManyClassQuality:
        """Of the answers."""
        return ManyClassQuality.of((*self.recogniser.names, NOBODY), self.truth, self.answers)

    @property
    def likeliest(self) -> tuple[str, ...]:
        """Of each picture the class of the highest probability, whatever the limits."""
        return tuple(self.recogniser.classes[column] for column in self.probabilities.argmax(axis=1).tolist())

    @property
    def certainty(self) -> Certainty:
        """How sure it is of each picture."""
        return Certainty.of(self.probabilities)

    @property
    def right(self) -> BoolArray:
        """Whether the likeliest class is right, shape (n,)."""
        return np.array([one == other for one, other in zip(self.likeliest, self.truth, strict=True)], dtype=np.bool_)

    @property
    def without_limits(self) -> Share:
        """Share of known pictures whose likeliest class is right."""
        return _share(self.right, np.array([name in self.recogniser.classes for name in self.truth], dtype=np.bool_))

    @property
    def unseen(self) -> Share:
        """Accuracy, with the limits in force, on pictures that it was not trained on."""
        right = np.array([one == other for one, other in zip(self.answers, self.truth, strict=True)], dtype=np.bool_)
        return _share(right, ~self.seen)

    def curves(self) -> ThresholdCurves:
        """Of all names, against the least probability from which one is said."""
        return self._curves(
            np.array([name != NOBODY for name in self.likeliest], dtype=np.bool_), NOBODY, inverted=True
        )

    def class_curves(self) -> Mapping[str, ThresholdCurves]:
        """Of each name that has pictures here."""
        likeliest = np.array(self.likeliest)
        shown = [name for name in self.recogniser.names if name in set(self.truth)]
        return {name: self._curves(likeliest == name, name) for name in shown}

    def proposed(self) -> Mapping[str, float]:
        """Of each name the least probability with the best F1 on these pictures."""
        return {name: of.best() for name, of in self.class_curves().items()}

    def worst(self, most: int) -> list[int]:
        """Row numbers of wrong answers, the surest first."""
        top = self.certainty.top
        wrong = [row for row, answer in enumerate(self.answers) if answer != self.truth[row]]
        return sorted(wrong, key=lambda row: (self.answers[row] == NOBODY, -top[row], row))[:most]

    def certainties(self) -> Mapping[str, Mapping[str, float | None]]:
        """Means of the three figures, of right and of wrong answers."""
        certainty, right = self.certainty, self.right
        figures = {"top": certainty.top, "gap": certainty.gap, "deviation": certainty.deviation}
        return {
            kind: {name: round(float(of[rows].mean()), 4) if rows.any() else None for name, of in figures.items()}
            for kind, rows in (("right", right), ("wrong", ~right))
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        proposed = self.proposed()
        measured = self.quality.to_json()
        for one in measured["classes"]:
            one["proposed_least"] = None if one["name"] not in proposed else round(proposed[one["name"]], 2)
        return {
            "model": self.model,
            "kind": "recogniser",
            "on": self.on,
            **measured,
            "without_limits": self.without_limits.to_json(),
            "not_trained_on": self.unseen.to_json(),
            "trained_on": int(self.seen.sum()),
            "unknown_classes": dict(self.unknown),
            "certainty": self.certainties(),
            "names": list(self.quality.names),
            "confusion": self.quality.confusion.tolist(),
            "notes": list(self.notes),
        }

    def _curves(self, named: BoolArray, name: str, *, inverted: bool = False) -> ThresholdCurves:
        shows = sum((one == name) != inverted for one in self.truth)
        return threshold_curves(self.certainty.top[named], self.right[named].astype(np.float64), shows)


def assessed(
    model: str, on: str, recogniser: Recogniser, labels: Sequence[str], probabilities: FloatArray, seen: BoolArray
) -> RecogniserAssessment:
    """Compare what pictures show with what is answered.

    Args:
        model: its name.
        on: which pictures, in words.
        recogniser: it.
        labels: class of each picture, n of them; any that it does not know counts as nobody.
        probabilities: its scores, shape (n, classes).
        seen: whether it was trained on each picture, shape (n,).
    """
    known = set(recogniser.names)
    unknown = {name: labels.count(name) for name in sorted(set(labels) - known - {NOBODY})}
    notes = []
    if unknown:
        names = ", ".join(f"{name} ({count})" for name, count in unknown.items())
        notes.append(f"not among its classes, so nobody is the right answer: {names}")
    if seen.any():
        notes.append(f"it was trained on {int(seen.sum())} of these {len(seen)} pictures, which flatters its figures")
    return RecogniserAssessment(
        model=model,
        on=on,
        recogniser=recogniser,
        truth=tuple(name if name in known else NOBODY for name in labels),
        probabilities=probabilities,
        answers=tuple(name or NOBODY for name in recogniser.decide(probabilities)),
        seen=seen,
        unknown=unknown,
        notes=tuple(notes),
    )


def _share(right: BoolArray, among: BoolArray) -> Share:
    return Share.of(int(right[among].sum()), int(among.sum()))
