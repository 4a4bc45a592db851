"""The report on a recogniser shows what was measured, to whoever looks at it and whoever does not."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from classifier.pictures.class_folders import ClassPicture
from classifier.recognition.assessment import RecogniserAssessment, assessed
from classifier.recognition.certainty import Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.recogniser import Recogniser
from rounds.errors import ReportRefused
from rounds.evaluation.recogniser_page import write_recogniser_report
from tests.classifier.tiny_models import coloured, jpeg

pytestmark = pytest.mark.no_gallery

NAMES = ("bart", "lisa_&amp;", "milhouse")


def measured(folder: Path) -> tuple[RecogniserAssessment, list[ClassPicture]]:
    """Twelve pictures: of each known class three right ones and one wrong or doubtful one."""
    recogniser = Recogniser(ClassHead(NAMES, np.ones((2, 3), dtype=np.float32), np.zeros(3)), Limits(top=0.5))
    labels, rows, pictures = [], [], []
    for number in range(12):
        own = number % 3
        row = np.full(3, 0.05)
        row[own] = 0.9
        if number >= 9:
            row = np.array([0.8, 0.1, 0.1]) if own else np.array([0.4, 0.3, 0.3])
        labels.append("krusty" if number == 11 else NAMES[own])
        rows.append(row)
        path = folder / f"{number}.jpg"
        path.write_bytes(jpeg(coloured(number * 20, 99, 30, 16)))
        md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        pictures.append(ClassPicture(path, f"{labels[-1]}/{path.name}", labels[-1], True, 9, md5, ""))
    seen = np.arange(12) < 2
    return assessed("family/3", "12 pictures", recogniser, labels, np.array(rows), seen), pictures


def test_answers_are_compared_with_what_pictures_show(tmp_path: Path) -> None:
    assessment, _ = measured(tmp_path)
    assert assessment.quality.accuracy.value == pytest.approx(9 / 12)
    assert assessment.answers[9] == "nobody"  # too doubtful
    assert assessment.truth[11] == "nobody"  # krusty is none of its classes
    assert assessment.unknown == {"krusty": 1}
    assert assessment.without_limits.value == pytest.approx(10 / 11)
    assert assessment.worst(9)[:2] == [10, 11]
    assert any("trained on 2 of these 12 pictures" in note for note in assessment.notes)
    assert assessment.certainties()["right"]["top"] > assessment.certainties()["wrong"]["top"]  # type: ignore[operator]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    assessment, pictures = measured(tmp_path_factory.mktemp("pictures"))
    return write_recogniser_report(assessment, pictures, folder)


def test_the_page_holds_every_figure_with_words_in_its_place_and_links_to_its_files(report: Path) -> None:
    page = report.read_text()
    for name in ("confusion", "thresholds", "class-thresholds", "certainty", "predictions"):
        assert f'href="{name}.svg"' in page
        assert (report.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (report.parent / f"{name}-dark.svg").read_bytes()
    assert "Confusion matrix of 4 answers, 12 pictures, 75.0% right." in page
    assert 'alt=""' not in page
    assert "lisa_&amp;amp;" in page  # a folder's name is no markup


def test_figures_for_programs_lie_beside_it(report: Path) -> None:
    figures = json.loads((report.parent / "report.json").read_text())
    assert figures["names"] == [*NAMES, "nobody"]
    assert np.sum(figures["confusion"]) == 12
    table = list(csv.DictReader(io.StringIO((report.parent / "classes.csv").read_text())))
    assert [row["class"] for row in table] == [*NAMES, "nobody"]
    assert float(table[0]["proposed_least"]) > 0


def test_the_same_figures_are_the_same_bytes(report: Path, tmp_path: Path) -> None:
    from classifier.figures.many_classes import confusion_figure

    assessment, _ = measured(tmp_path)
    again = confusion_figure(assessment.quality)
    assert again.light == (report.parent / "confusion.svg").read_bytes()


def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    assessment, pictures = measured(tmp_path)
    (tmp_path / "report.html").write_text("my diary")
    with pytest.raises(ReportRefused, match="no report on a recogniser"):
        write_recogniser_report(assessment, pictures, tmp_path)
    assert (tmp_path / "report.html").read_text() == "my diary"


def test_a_table_of_somebody_else_is_not_replaced_and_a_report_of_ours_is(tmp_path: Path, report: Path) -> None:
    assessment, pictures = measured(tmp_path)
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "classes.csv").write_text("my own table")
    with pytest.raises(ReportRefused, match=r"classes\.csv is there already"):
        write_recogniser_report(assessment, pictures, folder)
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("classes.csv", "my own table")]

    ours = shutil.copytree(report.parent, tmp_path / "ours")
    (ours / "confusion.svg").unlink()
    write_recogniser_report(assessment, pictures, ours)
    assert (ours / "confusion.svg").is_file()


def test_a_refusal_comes_before_anything_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "confusion.svg").write_text("my own drawing")
    nothing_measured = cast("RecogniserAssessment", None)
    with pytest.raises(ReportRefused, match=r"confusion\.svg is there already"):
        write_recogniser_report(nothing_measured, [], tmp_path)
