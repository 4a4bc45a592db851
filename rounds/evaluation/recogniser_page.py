"""The report on a recogniser: one HTML page that needs nothing else, figures as SVG and PNG, tables for programs."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import PictureFault
from classifier.pictures.class_folders import ClassPicture
from classifier.pictures.thumbnails import thumbnail
from classifier.recognition.assessment import RecogniserAssessment
from classifier.recognition.certainty import limit_words
from classifier.recognition.quality import Share
from rounds.errors import ReportNotWritten
from rounds.evaluation.report_files import check_report_files, rendered, write_report_files

PAGE, FIGURES, TABLE = "report.html", "report.json", "classes.csv"
GENERATOR = "boorusieve recogniser report"
_REFUSAL = "is there already and no report on a recogniser; name another folder"
_SHOWN = 24  # pictures in the grid, and mistakes
_STYLE = (
    ".drawn{max-width:100%}.drawn img{display:block;max-width:100%;height:auto;margin:0 auto}"
    ".drawn figcaption{margin-top:8px}"
)


@dataclass(frozen=True, slots=True)
class _Mistake:
    name: str  # of the file below the folder
    shows: str
    answer: str
    probability: float
    picture: bytes | None  # a small JPEG


def write_recogniser_report(
    assessment: RecogniserAssessment, pictures: Sequence[ClassPicture], folder: Path, *, now: datetime | None = None
) -> Path:
    """Write the report into a folder, and give the page's path.

    Args:
        assessment: what was measured.
        pictures: that it was measured on, in its order.
        folder: made when it is not there; only reports of ours are replaced.
        now: when it was measured; None: now.

    Raises:
        ReportRefused: a file of one of its names is not ours; nothing was written.
        ReportNotWritten: the disk refuses.
    """
    made = now or datetime.now(UTC)
    check_recogniser_report(folder)
    contents = _contents(assessment, pictures, made)
    write_report_files(folder, contents, (PAGE, FIGURES), GENERATOR, _REFUSAL)
    return folder / PAGE


def check_recogniser_report(folder: Path) -> None:
    """Check that a report may be written there, before anything is measured or drawn.

    Raises:
        ReportRefused: a file of one of its names is not ours.
        ReportNotWritten: the folder cannot be read.
    """
    from classifier.figures.many_classes import NAMES
    from classifier.figures.style import files_of

    names = [FIGURES, *(file for name in NAMES for file in files_of(name)), TABLE, PAGE]
    try:
        check_report_files(folder, names, (PAGE, FIGURES), GENERATOR, _REFUSAL)
    except OSError as error:
        raise ReportNotWritten(f"{folder}: {error.strerror or error}; name another folder") from error


def _contents(
    assessment: RecogniserAssessment, pictures: Sequence[ClassPicture], made: datetime
) -> Mapping[str, bytes]:
    """Files by name; the page is the last."""
    from classifier.figures.many_classes import (
        NamedPicture,
        certainty_figure,
        class_thresholds_figure,
        confusion_figure,
        predictions_figure,
        thresholds_figure,
    )

    limits, curves = assessment.recogniser.limits, assessment.class_curves()
    grid = [
        NamedPicture(small, assessment.truth[row], assessment.answers[row], float(assessment.certainty.top[row]))
        for row in _grid_rows(assessment)
        if (small := _small(pictures[row])) is not None
    ]
    drawings = [
        confusion_figure(assessment.quality),
        thresholds_figure(assessment.curves(), limits),
        class_thresholds_figure(curves),
        certainty_figure(assessment.certainty, assessment.right, limits),
        *([predictions_figure(grid)] if grid else []),
    ]
    figures = {"generator": GENERATOR, "made": made.isoformat(timespec="seconds"), **assessment.to_json()}
    found = {FIGURES: json.dumps(figures, indent=1, allow_nan=False, ensure_ascii=True).encode()}
    found |= {name: content for drawing in drawings for name, content in drawing.files().items()}
    found[TABLE] = _table(assessment)
    found[PAGE] = rendered(
        "recogniser_report.html",
        style=_STYLE,
        made=made,
        generator=GENERATOR,
        filters=_FILTERS,
        evaluation=assessment,
        limits=limit_words(asdict(limits)),
        drawings=drawings,
        proposed={name: of.best() for name, of in curves.items()},
        mistakes=_mistakes(assessment, pictures),
    ).encode("utf-8", "replace")
    return found


def _share(share: Share) -> str:
    return "–" if math.isnan(share.value) else f"{share.value:.3f} ({share.low:.3f}–{share.high:.3f})"


def _data(kind: str) -> Callable[[bytes], str]:
    return lambda content: f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _grid_rows(assessment: RecogniserAssessment) -> list[int]:
    """Pictures for the grid: every class in turn, by chance, the same every time."""
    by_class: dict[str, list[int]] = {}
    for row in np.random.default_rng(0).permutation(len(assessment.truth)).tolist():
        by_class.setdefault(assessment.truth[row], []).append(row)
    rows: list[int] = []
    for turn in range(_SHOWN):
        rows += [of[turn] for _, of in sorted(by_class.items()) if turn < len(of)]
    return rows[:_SHOWN]


def _mistakes(assessment: RecogniserAssessment, pictures: Sequence[ClassPicture]) -> list[_Mistake]:
    return [
        _Mistake(
            pictures[row].name,
            assessment.truth[row],
            assessment.answers[row],
            float(assessment.certainty.top[row]),
            _small(pictures[row]),
        )
        for row in assessment.worst(_SHOWN)
    ]


def _small(picture: ClassPicture) -> bytes | None:
    try:
        return thumbnail(picture.read())
    except (OSError, PictureFault):  # it was removed since it was scored
        return None


def _table(assessment: RecogniserAssessment) -> bytes:
    text, proposed = io.StringIO(newline=""), assessment.proposed()
    writer = csv.writer(text)
    writer.writerow(["class", "pictures", "named", "right", "precision", "recall", "f1", "taken_for", "proposed_least"])
    for one in assessment.quality.classes:
        figures = ["" if math.isnan(value) else f"{value:.4f}" for value in (one.precision, one.recall, one.f1)]
        least = f"{proposed[one.name]:.2f}" if one.name in proposed else ""
        writer.writerow([one.name, one.pictures, one.named, one.right, *figures, one.taken_for, least])
    return text.getvalue().encode()


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "figure": lambda value: "–" if math.isnan(value) else f"{value:.3f}",
    "share": _share,
    "svg": _data("image/svg+xml"),
    "jpeg": _data("image/jpeg"),
}
