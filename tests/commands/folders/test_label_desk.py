"""A label on the page is on the disk when it is saved, and nothing is answered that was not seen."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifier.pictures.class_folders import ClassPicture
from commands.folders.label_desk import LabelDesk, Question
from review.errors import BadClass, NoSuchPicture
from storage.folders.label_file import LabelFile, read_labels
from tests.commands.folders.places import picture


def listed(folder: Path, number: int) -> Question:
    content = picture(number, red=True)
    (folder / f"{number}.png").write_bytes(content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    shown = ClassPicture(folder / f"{number}.png", f"{number}.png", "", True, len(content), md5, "")
    return Question(shown, (("bart", 0.7), ("lisa", 0.3)))


@pytest.fixture
def table(tmp_path: Path) -> Iterator[LabelFile]:
    with LabelFile(tmp_path / "x.labels.csv", lambda: datetime(2026, 1, 2, tzinfo=UTC)) as file:
        yield file


@pytest.fixture
def desk(table: LabelFile, tmp_path: Path) -> LabelDesk:
    return LabelDesk([listed(tmp_path, number) for number in range(3)], ["bart", "lisa", "nobody"], table)


def said(table: LabelFile) -> dict[str, str]:
    return {path: one.label for path, one in read_labels(table.path).items()}


def test_a_label_is_on_the_disk_when_it_is_given(desk: LabelDesk, table: LabelFile) -> None:
    assert desk.give(1, "lisa", seen="")

    assert said(table) == {"1.png": "lisa"}
    assert desk.question(1).label == "lisa"
    progress = desk.progress()
    assert (progress.questions, progress.open, progress.first_open) == (3, 2, 0)
    assert progress.classes == {"bart": 0, "lisa": 1, "nobody": 0}
    assert desk.written == 1
    assert [desk.question(number).next_open for number in range(3)] == [2, 2, None]


def test_a_label_that_was_not_seen_is_not_overwritten(desk: LabelDesk, table: LabelFile) -> None:
    desk.give(0, "lisa", seen="")

    assert not desk.give(0, "bart", seen="")
    assert said(table) == {"0.png": "lisa"}


def test_a_label_that_is_sent_twice_is_written_once(desk: LabelDesk, table: LabelFile) -> None:
    assert desk.give(0, "lisa", seen="")
    assert desk.give(0, "lisa", seen="")
    assert len(table.path.read_text().splitlines()) == 2


def test_an_empty_label_takes_the_last_one_back(desk: LabelDesk, table: LabelFile) -> None:
    desk.give(0, "ned_flanders", seen="")
    assert desk.give(0, "", seen="ned_flanders")

    assert said(table) == {}
    assert list(desk.progress().classes) == ["bart", "lisa", "nobody"]


def test_part_of_a_name_lists_classes_and_a_plus_makes_one(desk: LabelDesk) -> None:
    assert desk.matches("is").names == ["lisa"]
    unknown = desk.matches("ned Flanders")
    assert (unknown.names, unknown.new, unknown.wanted) == ([], "ned_flanders", False)
    asked = desk.matches("+li")
    assert (asked.names, asked.new, asked.wanted) == ([], "li", True)
    assert desk.matches("+Bart").names == ["bart"]
    assert desk.matches("+").new is None
    desk.give(2, "ned_flanders", seen="")
    assert desk.matches("flan").names == ["ned_flanders"]


@pytest.mark.parametrize("typed", ["../etc", "a/b/c", "con", ".hidden"])
def test_what_no_folder_can_be_called_is_no_class(desk: LabelDesk, typed: str, table: LabelFile) -> None:
    with pytest.raises(BadClass, match="cannot be a class"):
        desk.matches(f"+{typed}")
    with pytest.raises(BadClass, match="cannot be a class"):
        desk.give(0, typed, seen="")
    assert said(table) == {}


def test_a_picture_that_was_changed_is_not_shown(desk: LabelDesk, tmp_path: Path) -> None:
    assert desk.picture(0) == picture(0, red=True)
    (tmp_path / "0.png").write_bytes(picture(9, red=False))
    (tmp_path / "1.png").write_text("no picture any more")
    (tmp_path / "2.png").unlink()
    assert [desk.picture(number) for number in range(3)] == [None, None, None]


def test_a_number_beyond_the_list_is_nobodys(desk: LabelDesk) -> None:
    for number in (-1, 3):
        with pytest.raises(NoSuchPicture):
            desk.question(number)
