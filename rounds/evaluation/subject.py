"""What is measured, and what the gallery knows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.arrays import IntArray
from classifier.package.package import Package
from rounds.questions.decision_rule import DecisionRule
from storage.archive_records import RegisteredModel
from storage.evidence import Evidence
from storage.records import LabelReason, Target
from storage.rows.labels import StoredLabel


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The model that is measured."""

    target: Target
    model: RegisteredModel
    package: Package


@dataclass(frozen=True, slots=True, eq=False)
class GalleryKnowledge:
    """What the gallery knows of a target, read once."""

    evidence: Evidence  # with vectors of the subject's network
    labels: Sequence[StoredLabel] = ()
    rule: DecisionRule | None = None  # of the model in force; None: there is none

    def sample_rows(self) -> IntArray:
        """Rows that were asked about as members of the random sample."""
        ids = [label.version_id for label in self.labels if label.why is LabelReason.RANDOM]
        return np.flatnonzero(np.isin(self.evidence.version_ids, np.array(ids, dtype=np.int64))).astype(np.int64)
