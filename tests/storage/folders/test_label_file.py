"""A label is on the disk when it is given, and no kill, undo or half a line loses another."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.errors import UnreadableFile
from storage.folders.label_file import LabelFile, PictureLabel, label_file_of


def opened(path: Path) -> LabelFile:
    return LabelFile(path, lambda: datetime(2026, 1, 2, tzinfo=UTC))


def test_a_label_is_in_the_file_at_once_and_read_back(tmp_path: Path) -> None:
    path = label_file_of(tmp_path / "pictures")
    with opened(path) as file:
        file.put(PictureLabel('a, "b".png', "1" * 32, "lisa"))
        assert path.read_text().splitlines()[1] == f'"a, ""b"".png",{"1" * 32},lisa,2026-01-02T00:00:00+00:00'
    with opened(path) as file:
        assert file.labels == {'a, "b".png': PictureLabel('a, "b".png', "1" * 32, "lisa")}
    assert path.name == "pictures.labels.csv"


def test_the_last_line_of_a_file_holds_and_an_empty_label_takes_it_back(tmp_path: Path) -> None:
    with opened(tmp_path / "x.labels.csv") as file:
        for name, label in (("a", "bart"), ("b", "bart"), ("a", "lisa"), ("b", "")):
            file.put(PictureLabel(name, "0" * 32, label))
    with opened(tmp_path / "x.labels.csv") as file:
        assert {path: one.label for path, one in file.labels.items()} == {"a": "lisa"}


def test_half_a_line_of_a_killed_program_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.labels.csv"
    with opened(path) as file:
        file.put(PictureLabel("a", "0" * 32, "bart"))
    whole = path.read_bytes()
    path.write_bytes(whole + b"b,000")
    with opened(path) as file:
        file.put(PictureLabel("c", "0" * 32, "lisa"))
    with opened(path) as file:
        assert sorted(file.labels) == ["a", "c"]


def test_somebody_else_s_table_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "x.labels.csv"
    path.write_text("name,age\nlisa,8\n")
    with pytest.raises(UnreadableFile, match="is no table of labels of ours"), opened(path):
        pass
    assert path.read_text() == "name,age\nlisa,8\n"
