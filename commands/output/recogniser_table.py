"""A recogniser's figures as people read them in a terminal: a line a class, weakest last where there are many."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.table import Table

from classifier.recognition.certainty import limit_words
from commands.terminal.tables import list_table

if TYPE_CHECKING:
    from classifier.recognition.assessment import RecogniserAssessment
    from classifier.recognition.quality import Share


def recogniser_table(assessment: RecogniserAssessment) -> Table:
    """A row for each class, in their order."""
    table, proposed = list_table(), assessment.proposed()
    for words, right in (
        ("class", False),
        ("pictures", True),
        ("precision", True),
        ("recall", True),
        ("F1", True),
        ("taken for", False),
        ("proposed", True),
    ):
        table.add_column(words, justify="right" if right else "left")
    for one in assessment.quality.classes:
        table.add_row(
            one.name,
            str(one.pictures),
            *(_figure(value) for value in (one.precision, one.recall, one.f1)),
            f"{one.taken_for} {one.taken_count}" if one.taken_for else "",
            f"{proposed[one.name]:.2f}" if one.name in proposed else "",
        )
    return table


def recogniser_lines(assessment: RecogniserAssessment) -> list[str]:
    """What stands above the table."""
    quality = assessment.quality
    lines = [
        f"{assessment.model} on {assessment.on}",
        f"right: {share_text(quality.accuracy)}; macro F1 {_figure(quality.macro_f1)}; likeliest class right, whatever "
        f"the limits: {share_text(assessment.without_limits)}",
    ]
    if words := limit_words(asdict(assessment.recogniser.limits)):
        lines.append(f"a name from {words} on, else nobody")
    if assessment.seen.any() and not assessment.seen.all():
        lines.append(f"of pictures that it was not trained on, right: {share_text(assessment.unseen)}")
    return [*lines, *assessment.notes]


def share_text(share: Share) -> str:
    """0.952 (0.941-0.961)."""
    return "–" if math.isnan(share.value) else f"{share.value:.3f} ({share.low:.3f}–{share.high:.3f})"


def _figure(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
