"""What the model keeps, of all rows at once: the rule of `crawler.decisions` on columns instead of one post.

The questions and the estimate of the gallery both divide it by what is kept. A tag alone does not keep a picture that
the model contradicts beyond doubt, and none at all where the settings do not trust tags; the score of a model that may
not decide keeps nothing.
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
    """How the model in force decides."""

    threshold: float  # 0..1
    decides: bool = True  # a model that may not keeps nothing by score, and doubts no tag
    trust_tags: bool = True  # `[scoring] trust_tags`: a tag keeps a picture whatever its score

    @classmethod
    def of(cls, card: ModelCard, *, trust_tags: bool) -> Self:
        """That of a model, by the settings."""
        return cls(card.threshold, decides=not card.refusal, trust_tags=trust_tags)

    def kept(self, evidence: Evidence) -> BoolArray:
        """Rows that the model keeps, by tag or score, shape (n,); labels aside."""
        by_score = self.by_score(evidence)
        return np.where(by_score, self.reached(evidence.scores), ~self.doubted(evidence))

    def by_score(self, evidence: Evidence) -> BoolArray:
        """Rows that the score decides, shape (n,): those without the target's tag; all where tags are not trusted."""
        return np.asarray(~evidence.tagged if self.trust_tags else np.ones(len(evidence), dtype=np.bool_))

    def doubted(self, evidence: Evidence) -> BoolArray:
        """Rows whose tag the model contradicts beyond doubt, so that they are undecided, shape (n,)."""
        if not (self.decides and self.trust_tags):
            return np.zeros(len(evidence), dtype=np.bool_)
        unseen = np.isin(evidence.version_ids, np.array(sorted(evidence.too_small), dtype=np.int64))
        against = np.nan_to_num(evidence.scores, nan=1.0) < DOUBTED_TAG
        return np.asarray(evidence.tagged & against & ~unseen)

    def reached(self, scores: FloatArray) -> BoolArray:
        """Whether scores keep pictures, shape of `scores`; NaN does not."""
        if not self.decides:
            return np.zeros(len(scores), dtype=np.bool_)
        return np.asarray(np.nan_to_num(scores, nan=-1.0) >= self.threshold)
