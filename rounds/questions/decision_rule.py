"""What the model keeps, of all rows at once: the rule of `crawler.decisions` on columns instead of one post.

The questions and the estimate of the gallery both divide it by what is kept. A tag alone does not keep a picture that
the model contradicts beyond doubt, and the score of a model that may not decide keeps nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from classifier.arrays import BoolArray, FloatArray
from crawler.decisions import DOUBTED_TAG
from storage.evidence import Evidence
from storage.records import ModelCard


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How the model in force decides, where tags are trusted."""

    threshold: float  # 0..1
    decides: bool = True  # a model that may not keeps nothing by score, and doubts no tag

    @classmethod
    def of(cls, card: ModelCard) -> Self:
        """That of a model."""
        return cls(card.threshold, decides=not card.refusal)

    def kept(self, evidence: Evidence) -> BoolArray:
        """Rows that the model keeps, by tag or score, shape (n,); labels aside."""
        by_score = ~evidence.tagged & self.reached(evidence.scores)
        return np.asarray((evidence.tagged & ~self.doubted(evidence)) | by_score)

    def doubted(self, evidence: Evidence) -> BoolArray:
        """Rows whose tag the model contradicts beyond doubt, so that they are undecided, shape (n,)."""
        if not self.decides:
            return np.zeros(len(evidence), dtype=np.bool_)
        unseen = np.isin(evidence.version_ids, np.array(sorted(evidence.too_small), dtype=np.int64))
        against = np.nan_to_num(evidence.scores, nan=1.0) < DOUBTED_TAG
        return np.asarray(evidence.tagged & against & ~unseen)

    def reached(self, scores: FloatArray) -> BoolArray:
        """Whether scores keep pictures, shape of `scores`; NaN does not."""
        if not self.decides:
            return np.zeros(len(scores), dtype=np.bool_)
        return np.asarray(np.nan_to_num(scores, nan=-1.0) >= self.threshold)
