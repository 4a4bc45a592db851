"""What a round says of itself: lines for people, and the same for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from classifier.few_shot import FEW
from classifier.head_only import LearnedHead
from rounds.comparing import Compared
from rounds.evaluation_words import estimate
from storage.plurals import counted


def report_text(learned: LearnedHead, compared: Compared | None, target: str) -> str:
    """A few lines for people."""
    facts, expected, quality = learned.facts, learned.forecast, learned.quality
    said = facts["said"]
    reached = "" if expected.reached else " (the goal was out of reach; this is the nearest)"
    lines = [
        f"{target}: trained on {said['keep'] + said['delete']} labels, {said['tagged']} pictures tagged with it, "
        f"{said['others']} with others, {said['nothing']} untagged",
        f"doubtful: {facts['doubtful_tags']} of its tags look wrong, {facts['missing_tags']} pictures of others look "
        f"like it; an estimated {facts['tags_right']:.1%} of tags are right",
        f"forecast for pictures without its tag ({facts['prevalence']:.1%} of untagged ones show it): precision "
        f"{estimate(expected.precision)}, recall {estimate(expected.recall)} at threshold "
        f"{expected.threshold:.3f}{reached}",
        *([references_text(facts["references"])] if facts.get("references", 0) > 0 and _few(facts) else []),
        *(one.words() for one in learned.head.ai_weights),
        *([f"it must not decide: {learned.refusal}"] if learned.refusal else []),
        f"test on {quality.examples} tagged pictures held out, {quality.positives} of them showing it: precision "
        f"{estimate(quality.precision)}, recall {estimate(quality.recall)}, average precision "
        f"{estimate(quality.average_precision)}; those are easier, so go by the forecast",
        *([] if compared is None else [compared.words()]),
    ]
    return "\n".join(lines) + "\n"


def _few(facts: Mapping[str, Any]) -> bool:
    """Whether the references are most of what is said for the target."""
    return bool(facts["references"] + facts["said"]["tagged"] + facts["said"]["keep"] < FEW)


def references_text(count: int) -> str:
    """What to expect of so many reference pictures."""
    known = [number for number in _RANKED if number <= count] or [min(_RANKED)]
    many, few = _RANKED[max(known)]
    return (
        f"{counted(count, 'reference')}: from {max(known)}, characters were ranked at an average "
        f"precision of {many:.2f} where one untagged post in six showed them, of {few:.2f} where hardly any did; more "
        "references and answers (crawl review) help most"
    )


# Average precision by number of references, twelve characters, pretrained features: where the gallery hides many of
# the target's pictures among the untagged ones, and where it hides hardly any. (docs/learning-loop.md)
_RANKED = {5: (0.91, 0.78), 20: (0.93, 0.91)}


def report_files(
    learned: LearnedHead, compared: Compared | None, target: str, metrics: Mapping[str, Any]
) -> dict[str, bytes]:
    """What goes into the package's report folder."""
    return {
        "report.json": json.dumps(dict(metrics), indent=1, allow_nan=False, default=float).encode(),
        "report.txt": report_text(learned, compared, target).encode(),
    }
