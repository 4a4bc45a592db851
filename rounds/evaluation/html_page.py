"""The report of an evaluation as one HTML file that needs nothing else, and the same for programs.

The page carries its style, charts and thumbnails in itself; its content policy allows nothing from anywhere, and no
script at all. Names and tags are untrusted input: everything is escaped, and only http and https become links.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from classifier.metrics.assessment import Assessment, CurvePoint, Mistake, Slice
from classifier.metrics.quality import Estimate, wilson
from rounds.evaluation import number_format as words
from rounds.evaluation import report_charts as charts
from rounds.evaluation.charts import STYLE, interval_bar, scale_for
from rounds.evaluation.report_files import rendered, write_report_files

PAGE, FIGURES = "report.html", "report.json"
GENERATOR = "boorusieve evaluation report"
_CLASS = "class"
_ROWS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # thresholds near these get a row


def write_report(assessment: Assessment, folder: Path, *, now: datetime | None = None) -> Path:
    """Write `report.html` and `report.json` into a folder, and give the page's path.

    Args:
        assessment: what was measured.
        folder: made when it is not there; only reports of ours are replaced.
        now: when it was measured; None: now.

    Raises:
        ReportRefused: a file of that name is not ours; nothing was written.
        ReportNotWritten: the disk refuses.
    """
    made = now or datetime.now(UTC)
    page = report_html(assessment, made).encode("utf-8", "replace")
    figures = json.dumps(report_json(assessment, made), indent=1, allow_nan=False, ensure_ascii=True).encode()
    refusal = "exists and is not a report of crawl evaluate: left alone; name another folder"
    write_report_files(folder, {FIGURES: figures, PAGE: page}, (PAGE, FIGURES), GENERATOR, refusal)
    return folder / PAGE


def report_json(assessment: Assessment, made: datetime) -> dict[str, object]:
    """Everything that was measured, in plain values, without pictures."""
    return {"generator": GENERATOR, "made": made.isoformat(timespec="seconds"), **assessment.to_json()}


def report_html(assessment: Assessment, made: datetime) -> str:
    """The page."""
    here, parts = assessment.at_prevalence, _parts(assessment.slices)
    return rendered(
        "evaluation_report.html",
        style=STYLE,
        made=made,
        generator=GENERATOR,
        filters=_FILTERS,
        evaluation=assessment,
        here=here,
        charts=_ChartSet.of(assessment),
        rows=_rows(assessment),
        parts=parts,
        classes=[_ClassRow.of(part) for part in assessment.slices if part.by == _CLASS],
        confusion=_confusion(assessment),
        corner_begins=f"{charts.corner_begins(assessment):g}",
        nan=math.nan,
        head_start=scale_for((here.precision, here.recall, here.f1)),
        parts_start=scale_for(
            end for _, kind in parts for part in kind for end in (part.quality.precision, part.quality.recall)
        ),
    )


@dataclass(frozen=True, slots=True)
class _ChartSet:
    """The charts; empty where there is nothing to draw."""

    precision_recall: str
    corner: str
    thresholds: str
    reliability: str
    histogram: str
    training: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, assessment: Assessment) -> _ChartSet:
        corner = charts.corner_begins(assessment)
        measured = any(math.isfinite(point.recall.value + point.precision.value) for point in assessment.curve)
        return cls(
            charts.precision_recall(assessment) if measured else "",
            charts.precision_recall(assessment, corner) if measured and corner else "",
            charts.over_thresholds(assessment) if measured else "",
            charts.reliability(assessment) if any(bin_.pictures for bin_ in assessment.reliability) else "",
            charts.histogram(assessment)
            if any(bin_.positives + bin_.negatives for bin_ in assessment.histogram)
            else "",
            charts.training(assessment),
        )


@dataclass(frozen=True, slots=True)
class _ClassRow:
    """A folder of pictures: of the target's own everything should be kept, of the others nothing."""

    name: str
    pictures: int
    kept: Estimate  # share
    wrong: int
    own: bool

    @classmethod
    def of(cls, part: Slice) -> _ClassRow:
        quality, own = part.quality, part.quality.positives > 0
        share = quality.recall if own else wilson(quality.kept, quality.examples)
        return cls(part.value, quality.examples, share, quality.positives - quality.right if own else quality.kept, own)


def _rows(assessment: Assessment) -> list[tuple[CurvePoint, bool]]:
    """Thresholds worth a row, rising, and whether it is the one in force."""
    others = [point for point in assessment.curve if point.threshold != assessment.threshold]
    near = {min(range(len(others)), key=lambda row: abs(others[row].threshold - at)) for at in _ROWS if others}
    chosen = [(others[row], False) for row in near]
    return sorted([*chosen, (assessment.at_prevalence, True)], key=lambda row: row[0].threshold)


def _parts(slices: Sequence[Slice]) -> list[tuple[str, list[Slice]]]:
    """Slices by kind, of kinds with several; classes have a table of their own."""
    by_kind: dict[str, list[Slice]] = {}
    for part in slices:
        if part.by != _CLASS:
            by_kind.setdefault(part.by, []).append(part)
    return [(by, kind) for by, kind in by_kind.items() if len(kind) > 1]


def _confusion(assessment: Assessment) -> list[tuple[str, int, int, int]]:
    """A row a truth: its name, kept, rejected, and which of them is right."""
    counts = assessment.confusion
    return [
        ("shows it", counts.kept_right, counts.missed, 0),
        ("does not", counts.kept_wrong, counts.rejected_right, 1),
    ]


def _web(link: str | None) -> str | None:
    """The link, when a browser may follow it."""
    try:
        return link if link and urlsplit(link).scheme in {"http", "https"} else None
    except ValueError:  # not a valid address
        return None


def _picture(mistake: Mistake) -> str | None:
    """A JPEG as a data URI."""
    return f"data:image/jpeg;base64,{base64.b64encode(mistake.picture).decode()}" if mistake.picture else None


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "figure": words.figure,
    "estimate": words.estimate,
    "spread": words.spread,
    "count": words.count,
    "share": words.share,
    "finite": math.isfinite,
    "bar": interval_bar,
    "web": _web,
    "picture": _picture,
}
