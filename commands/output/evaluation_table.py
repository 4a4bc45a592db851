"""An evaluation for a person at a terminal: what it reaches, where it errs, and what to do about it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from commands.terminal.console import printable
from commands.terminal.tables import list_table
from storage.plurals import counted

if TYPE_CHECKING:
    from classifier.metrics.assessment import Assessment, Mistake, Slice
    from classifier.metrics.quality import Estimate

_NAMED = 5  # mistakes of each kind
_CLASSES = 20  # with more classes, those of which nothing is kept share a row


def evaluation_table(assessment: Assessment) -> RenderableType:
    """Everything that fits into eighty columns."""
    shown = assessment.quality.positives
    head = (
        f"{assessment.model} on {assessment.on}, {shown} of them showing {assessment.target}; "
        f"it keeps from {assessment.threshold:.3f} up"
    )
    classes = [part for part in assessment.slices if part.by == "class"]
    several = Counter(part.by for part in assessment.slices)
    others = [part for part in assessment.slices if part.by != "class" and several[part.by] > 1]
    parts: list[RenderableType] = [
        Text(printable(head), style="bold"),
        _figures(assessment),
        *_by_tags(assessment),
        _current(assessment),
        _confusion(assessment),
    ]
    if others:
        parts.append(_breakdown(others))
    if classes:
        parts.append(_classes(classes))
    parts += _mistakes(assessment)
    return Group(*parts, _list(assessment.notes))


def _figures(assessment: Assessment) -> Table:
    here, tested = assessment.at_prevalence, assessment.quality
    table = _table(
        "", f"where {assessment.prevalence.value:.1%} show it", f"as tested, {assessment.test_prevalence:.1%}"
    )
    rows = (
        ("precision", figure(here.precision), figure(tested.precision)),
        ("recall", figure(here.recall), figure(tested.recall)),
        ("F1", figure(here.f1), figure(tested.f1)),
        ("average precision", "", figure(tested.average_precision)),
        ("calibration error", figure(assessment.calibration_error), ""),
        ("Brier score", f"{assessment.brier:.3f}", ""),
    )
    for name, *cells in rows:
        table.add_row(Text(name), *map(Text, cells))
    return table


def _by_tags(assessment: Assessment) -> list[Text]:
    """The figures if every tag were correct, where some are set apart."""
    apart = assessment.set_apart
    if apart is None:
        return []
    tagged = apart.by_tags
    words = (
        f"{counted(apart.pictures, 'picture')} set apart, whose tags a head that never saw them contradicts; if "
        f"every tag were correct, as tested: precision {figure(tagged.precision)}, recall {figure(tagged.recall)}. "
        "Use the figures above."
    )
    return [Text(printable(words))]


def _current(assessment: Assessment) -> RenderableType:
    """How much of the gallery shows it, and current precision and recall of the gallery."""
    share = assessment.prevalence
    spread = f" ({share.low:.1%}–{share.high:.1%})" if math.isfinite(share.low) else ""
    lines = [f"share that shows it: {share.value:.1%}{spread}, {assessment.prevalence_source}"]
    current = assessment.as_it_stands
    if current is not None:
        lines.append(
            f"the gallery as it is now, with tags and labels: precision {figure(current.precision, 2)}, "
            f"recall {figure(current.recall, 2)} from {counted(current.answers, 'answer')} to the random sample"
        )
    return Group(*(Text(printable(line)) for line in lines))


def _confusion(assessment: Assessment) -> Table:
    cells = assessment.confusion
    table = _table("", "shows it", "does not", right=2)
    table.add_row(Text("kept"), Text(f"{cells.kept_right}"), _alarming(cells.kept_wrong))
    table.add_row(Text("rejected"), _alarming(cells.missed), Text(f"{cells.rejected_right}"))
    return table


def _breakdown(parts: Sequence[Slice]) -> Table:
    table = _table("part", "pictures", "show it", "kept", "precision", "recall", right=3)
    before = ""
    for part in parts:
        if before and part.by != before:
            table.add_section()
        before, quality = part.by, part.quality
        counts = (Text(f"{number}") for number in (quality.examples, quality.positives, quality.kept))
        shares = (Text(figure(one, 2)) for one in (quality.precision, quality.recall))
        table.add_row(Text(printable(part.value)), *counts, *shares)
    return table


def _classes(classes: Sequence[Slice]) -> Table:
    """What it does with each class: of the target's own it should keep everything, of the others nothing."""
    from classifier.metrics.quality import wilson

    table = _table("class", "pictures", "kept", "share kept", "", right=2)
    quiet = [part for part in classes if not part.quality.kept and not part.quality.positives]
    shown = [part for part in classes if part not in quiet] if len(classes) > _CLASSES else classes
    for part in shown:
        quality = part.quality
        own = quality.positives > 0
        share = quality.recall if own else wilson(quality.kept, quality.examples)
        wrong = quality.examples - quality.kept if own else quality.kept
        words = f"{wrong} {'missed' if own else 'kept wrongly'}" if wrong else ""
        cells = (f"{quality.examples}", f"{quality.kept}", figure(share, 3))
        table.add_row(Text(printable(part.value)), *map(Text, cells), Text(words, style="yellow"))
    if len(shown) < len(classes):
        table.add_row(Text(f"{len(quiet)} others"), Text(f"{sum(part.quality.examples for part in quiet)}"), Text("0"))
    return table


def _mistakes(assessment: Assessment) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for words, mistakes, total in (
        ("kept wrongly, the surest first", assessment.kept_wrong, assessment.confusion.kept_wrong),
        ("missed, the furthest first", assessment.missed, assessment.confusion.missed),
    ):
        lines += _some(words, mistakes, max(total, len(mistakes)))
    return [*_set_apart(assessment), *lines]


def _set_apart(assessment: Assessment) -> list[RenderableType]:
    """Pictures whose tags are probably wrong, and where to look at them."""
    apart = assessment.set_apart
    if apart is None:
        return []
    lacking = f"{apart.kept} of {apart.kept_wrong_by_tags} kept wrongly by their tags probably lack the tag"
    wrong = f"{apart.rejected} of {apart.missed_by_tags} missed by their tags are probably tagged wrongly"
    return [
        *_some(f"{lacking}: look at {_these(apart.kept)}", apart.lacks_tag, apart.kept),
        *_some(f"{wrong}: look at {_these(apart.rejected)}", apart.wrong_tag, apart.rejected),
    ]


def _these(count: int) -> str:
    return "this one" if count == 1 else f"these {min(count, _NAMED)}"


def _some(words: str, mistakes: Sequence[Mistake], total: int) -> list[RenderableType]:
    """The first few of a kind."""
    if not mistakes:
        return []
    named = [_named(one) for one in mistakes[:_NAMED]]
    rest = total - len(named)
    return [Text(printable(words), style="bold"), _list([*named, *([f"and {rest} more"] if rest else [])]), Text("")]


def _list(lines: Sequence[str]) -> Table:
    """Lines with a mark in front; what is too long for one goes on below its own beginning."""
    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row("-", Text(printable(line)))
    return table


def _named(mistake: Mistake) -> str:
    return f"{mistake.name}: {mistake.score:.2f}, {mistake.why}"


def figure(estimate: Estimate, digits: int = 3) -> str:
    """A figure and its interval: 0.983 (0.931–1.000); a dash where nothing was there to measure."""
    if not math.isfinite(estimate.value):
        return "–"
    value = f"{estimate.value:.{digits}f}"
    if not math.isfinite(estimate.low) or not math.isfinite(estimate.high):
        return value
    return f"{value} ({estimate.low:.{digits}f}–{estimate.high:.{digits}f})"


def _alarming(count: int) -> Text:
    return Text(f"{count}", style="yellow" if count else "")


def _table(*columns: str, right: int = 0) -> Table:
    table = list_table()
    for number, column in enumerate(columns):
        counted = 0 < number <= right
        justify: JustifyMethod = "right" if counted else "left"  # counts are never cut; names and figures wrap
        table.add_column(Text(printable(column)), justify=justify, no_wrap=counted, overflow="fold")
    return table
