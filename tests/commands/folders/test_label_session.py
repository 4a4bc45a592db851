"""Labelling takes few keys, and what was typed wrongly is asked again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from classifier.pictures.class_folders import ClassPicture
from classifier.recognition.label_order import asking_order, meant, proposals
from commands.folders.label_desk import Question
from commands.folders.label_session import LabelSession
from storage.folders.label_file import LabelFile

NAMES = ["bart_simpson", "charles_montgomery_burns", "lisa_simpson", "marge_simpson"]


def sit(folder: Path, lines: Iterable[str], proposed: tuple[str, ...] = ()) -> tuple[dict[str, str], list[str]]:
    """Label three pictures with these lines; gives labels by file, and what was shown."""
    waiting, shown = iter(lines), list[str]()
    questions = [
        Question(
            ClassPicture(folder / f"{n}.png", f"{n}.png", "", True, 1, "0" * 32, ""), tuple((p, 0.5) for p in proposed)
        )
        for n in range(3)
    ]
    with LabelFile(folder / "x.labels.csv", lambda: datetime(2026, 1, 2, tzinfo=UTC)) as file:
        LabelSession(questions, list(NAMES), file, lambda _: next(waiting, None), shown.append, lambda _: None).run()
        return {path: one.label for path, one in file.labels.items()}, shown


def test_part_of_a_name_is_enough(tmp_path: Path) -> None:
    labels, _ = sit(tmp_path, ["burns", "lis", "BART"])
    assert list(labels.values()) == ["charles_montgomery_burns", "lisa_simpson", "bart_simpson"]


def test_enter_takes_the_first_proposal_and_a_digit_another(tmp_path: Path) -> None:
    labels, shown = sit(tmp_path, ["", "2"], ("marge_simpson", "lisa_simpson"))
    assert list(labels.values()) == ["marge_simpson", "lisa_simpson"]
    assert "1 marge_simpson 0.50  2 lisa_simpson 0.50" in shown


def test_what_may_be_several_is_asked_again(tmp_path: Path) -> None:
    labels, shown = sit(tmp_path, ["simpson", "homer", "marge"])
    assert labels == {"0.png": "marge_simpson"}
    assert any("may be bart_simpson, lisa_simpson, marge_simpson; type more" in line for line in shown)
    assert any("no class is called like 'homer'; +homer makes it one" in line for line in shown)


def test_undo_takes_the_last_label_back_and_asks_again(tmp_path: Path) -> None:
    labels, _ = sit(tmp_path, ["<", "bart", "lisa", "<", "<", "marge"])
    assert labels == {"0.png": "marge_simpson"}


def test_a_new_class_is_known_from_then_on_and_nobody_and_skipping_have_a_key(tmp_path: Path) -> None:
    labels, _ = sit(tmp_path, ["+Ned Flanders", ".", "-"])
    assert labels == {"0.png": "ned_flanders", "2.png": "nobody"}
    (tmp_path / "again").mkdir()
    labels, _ = sit(tmp_path / "again", ["+ned", "ned", "!"])
    assert list(labels.values()) == ["ned", "ned"]


def test_a_class_that_no_folder_can_have_is_refused(tmp_path: Path) -> None:
    labels, shown = sit(tmp_path, ["+../etc"])
    assert labels == {}
    assert any("cannot be a class" in line for line in shown)


def test_rare_and_doubtful_pictures_come_first() -> None:
    classes = ("bart", "lisa")
    sure_bart, unsure_bart, sure_lisa = [0.99, 0.01], [0.55, 0.45], [0.01, 0.99]
    order = asking_order(np.array([sure_bart, unsure_bart, sure_lisa]), classes, {"bart": 100, "lisa": 5})
    assert order == [2, 1, 0]
    assert asking_order(np.zeros((0, 2)), classes, {}) == []


def test_proposals_are_the_likeliest_first() -> None:
    assert proposals(np.array([0.2, 0.5, 0.3]), ("a", "b", "c"), 2) == [("b", 0.5), ("c", 0.3)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [("mona", ["mona"]), ("mon", ["mona", "monarch"]), ("onarc", ["monarch"]), ("", []), ("MO-NA", [])],
)
def test_a_whole_name_wins_over_longer_ones(typed: str, found: list[str]) -> None:
    assert meant(typed, ["mona", "monarch"]) == found
