"""Heads from reference pictures: how they are learned, and what to expect of so many."""

from __future__ import annotations

from classifier.heads.few_shot import FEW
from classifier.heads.training_set import HeadPlan
from classifier.metrics.thresholds import Goal
from classifier.references.folder import LEAST_REFERENCES

_CAUTION = 0.75  # measured from 20 references, 12 characters: precision 0.935 when 0.955 was aimed at, 0.968 by this


def reference_plan(goal: Goal | None = None, *, seed: int = 0) -> HeadPlan:
    """How a head is learned from a handful of references: carefully, and with none of them kept back to measure on."""
    return HeadPlan(goal=goal or Goal(), caution=_CAUTION, positives=LEAST_REFERENCES, few_shot=True, seed=seed)


def rests_on_references(references: int, shown: int) -> bool:
    """Whether a head is learned as from a handful: there are references, and few other labels for the target.

    However many references there are: none of them is kept back to measure on.

    Args:
        references: how many there are.
        shown: pictures of the gallery that are tagged or labelled as showing the target.
    """
    return references > 0 and shown < FEW


def references_text(references: int, shown: int) -> str:
    """What to expect of so few pictures of the target.

    Args:
        references: how many there are.
        shown: pictures of the gallery that are tagged or labelled as showing it.
    """
    known = [number for number in _RANKED if number <= references + shown] or [min(_RANKED)]
    mean, worst = _RANKED[max(known)]
    and_tagged = f" and {shown} tagged or labelled" if shown else ""
    return (
        f"{references} references{and_tagged}: from {max(known)} pictures, characters were ranked at an average "
        f"precision of {mean:.2f} (the worst at {worst:.2f}); more references and answers (crawl review) help most"
    )


# Average precision by number of references, mean and worst of twelve characters, pretrained features, whether the
# gallery hides many of the target's pictures among the untagged ones or hardly any. (docs/learning-loop.md)
_RANKED = {5: (0.90, 0.65), 20: (0.95, 0.87)}
