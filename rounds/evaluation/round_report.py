"""The report of a round: lines for people, and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from classifier.heads.head_training import LearnedHead
from classifier.references.heads import references_text, rests_on_references
from rounds.evaluation.comparison import Compared
from rounds.evaluation.compression import Compression
from rounds.evaluation.number_format import estimate


def report_text(
    learned: LearnedHead, compared: Compared | None, target: str, compression: Compression | None = None
) -> str:
    """A few lines for people."""
    facts, expected, quality = learned.facts, learned.forecast, learned.quality
    counts, references = facts["said"], int(facts.get("references", 0))
    shown = counts["tagged"] + counts["keep"]
    reached = "" if expected.reached else " (the goal was out of reach; this is the nearest)"
    lines = [
        f"{target}: trained on {counts['keep'] + counts['delete']} labels, {counts['tagged']} pictures tagged with it, "
        f"{counts['others']} with others, {counts['nothing']} untagged",
        f"doubtful: {facts['doubtful_tags']} of its tags look wrong, {facts['missing_tags']} pictures of others look "
        f"like it; an estimated {facts['tags_right']:.1%} of tags are right",
        f"forecast for pictures without its tag ({facts['prevalence']:.1%} of untagged ones show it): precision "
        f"{estimate(expected.precision)}, recall {estimate(expected.recall)} at threshold "
        f"{expected.threshold:.3f}{reached}",
        *([references_text(references, shown)] if rests_on_references(references, shown) else []),
        *learned.head.tagger_words(),
        *([f"it must not decide: {learned.refusal}"] if learned.refusal else []),
        f"test on {quality.examples} tagged pictures held out, {quality.positives} of them showing it: precision "
        f"{estimate(quality.precision)}, recall {estimate(quality.recall)}, average precision "
        f"{estimate(quality.average_precision)}; those are easier, so go by the forecast",
        *([] if compared is None else [compared.words()]),
        *([] if compression is None else [compression.words()]),
    ]
    return "\n".join(lines) + "\n"


def report_files(text: str, metrics: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the package's report folder, by name, with what `report_text` gave."""
    return {
        "report.json": json.dumps(dict(metrics), indent=1, allow_nan=False, default=float).encode(),
        "report.txt": text.encode(),
    }
