"""Tags that are missing or wrong at the site, as far as people and the model are sure of it.

People first: a label counts whatever a score says. Of a picture without a label, the model in force says how likely it
shows the target; the tag is missing where that is nearly certain and heads that never saw the picture do not object. A
tag that is there is mostly right, which no score knows: so a wrong one is judged by those heads and the tag together.

Expected precision is the mean of the probabilities: they are calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.second_opinion import second_opinion
from storage.evidence import Evidence

SURE = 0.9  # least probability of a proposal that nobody has labelled
_LIKELY = 0.5  # what the second opinion has to say at least of a missing tag


class ProposalKind(StrEnum):
    """What the site should be told."""

    MISSING = "missing"  # it shows the target, and lacks the tag
    WRONG = "wrong"  # it has the tag, and does not show the target


@dataclass(frozen=True, slots=True)
class Proposal:
    """One tag of one picture."""

    version_id: int
    kind: ProposalKind
    probability: float  # 0..1 that it is right; 1 where a person said so
    by_label: bool  # a person said so


def by_people(shown: Mapping[int, bool]) -> Sequence[Proposal]:
    """Proposals of what people said against the tags.

    Args:
        shown: file version -> whether it shows the target.
    """
    kinds = {True: ProposalKind.MISSING, False: ProposalKind.WRONG}
    return [Proposal(version, kinds[shows], 1.0, by_label=True) for version, shows in shown.items()]


def by_model(evidence: Evidence, rule: DecisionRule, *, sure: float = SURE) -> Sequence[Proposal]:
    """Proposals about pictures without a label; none by a model that may not decide.

    Args:
        evidence: what is known of the target.
        rule: how the model in force decides.
        sure: least probability.
    """
    if not (rule.decides and len(evidence)):
        return []
    _, belief = second_opinion(evidence, None, 0)
    open_ = np.array([label == "" for label in evidence.labels], dtype=np.bool_)
    unseen = np.isin(evidence.version_ids, np.array(sorted(evidence.too_small), dtype=np.int64))
    likely = {
        ProposalKind.MISSING: np.where(~evidence.tagged & (belief >= _LIKELY), np.nan_to_num(evidence.scores), 0.0),
        ProposalKind.WRONG: np.where(evidence.tagged & ~unseen, 1 - belief, 0.0),
    }
    return [
        Proposal(int(evidence.version_ids[row]), kind, float(chances[row]), by_label=False)
        for kind, chances in likely.items()
        for row in np.flatnonzero(open_ & (chances >= sure)).tolist()
    ]


def best_first(proposals: Sequence[Proposal]) -> Sequence[Proposal]:
    """What people said, then the most probable ones."""
    return sorted(proposals, key=lambda one: (not one.by_label, -one.probability, one.version_id))


def expected_precision(proposals: Sequence[Proposal]) -> float:
    """Share of them that is right, 0..1, if the probabilities are; not-a-number of none."""
    return float(np.mean([one.probability for one in proposals])) if proposals else float("nan")
