"""A label is on the disk when it is given, and no kill, undo or half a line loses another."""

from __future__ import annotations

import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.errors import FolderBusy, StorageError, UnreadableFile
from storage.folders.label_file import LabelFile, PictureLabel, label_file_of, read_labels

pytestmark = pytest.mark.no_gallery


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


def test_two_programs_never_add_to_one_table_at_once(tmp_path: Path) -> None:
    with opened(tmp_path / "x.labels.csv") as file:
        with pytest.raises(FolderBusy, match="another crawl label"), opened(tmp_path / "x.labels.csv"):
            pass
        file.put(PictureLabel("a", "0" * 32, "bart"))
        assert list(read_labels(file.path)) == ["a"]


def test_a_full_disk_refuses_a_label_and_the_next_line_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.labels.csv"
    with opened(path) as file:
        file.put(PictureLabel("a", "0" * 32, "bart"))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 9, before[1]))
        try:
            with pytest.raises(StorageError, match="this label was not written"):
                file.put(PictureLabel("b", "1" * 32, "lisa"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        file.put(PictureLabel("c", "2" * 32, "marge"))
    assert {name: one.label for name, one in read_labels(path).items()} == {"a": "bart", "c": "marge"}


@pytest.mark.parametrize("content", [b"x", b'path,md5,label,at\n"' + b"x" * 200_000 + b"\n"], ids=["a word", "a field"])
def test_what_is_no_table_of_ours_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.labels.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match="is no table of labels of ours"), opened(path):
        pass
    assert path.read_bytes() == content


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="is not there; crawl label FOLDER"):
        read_labels(tmp_path / "x.labels.csv")
