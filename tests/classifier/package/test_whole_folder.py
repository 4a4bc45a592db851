"""A folder is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.package.whole_folder import whole_folder


def test_a_folder_appears_only_when_all_of_it_is_written(tmp_path: Path) -> None:
    place = tmp_path / "models" / "7"

    with whole_folder(place) as work:
        (work / "report").mkdir()
        (work / "report" / "page.html").write_text("figures")
        before = place.exists()

    assert not before
    assert (place / "report" / "page.html").read_text() == "figures"
    assert list(place.parent.iterdir()) == [place]


def test_a_fault_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="disk full"), whole_folder(tmp_path / "7") as work:
        (work / "half").write_bytes(b"half")
        raise OSError("disk full")

    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    place = tmp_path / "7"
    place.mkdir()
    (place / "manifest.json").write_text("of the first")

    with pytest.raises(FileExistsError, match="7 exists already"), whole_folder(place) as work:
        (work / "manifest.json").write_text("of the second")

    assert (place / "manifest.json").read_text() == "of the first"
    assert list(tmp_path.iterdir()) == [place]


def test_what_a_killed_process_of_our_number_left_is_not_mixed_in(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "7") as work:
        name = work.name
    (tmp_path / name).mkdir()
    (tmp_path / name / "half").write_bytes(b"half")
    (tmp_path / "7").rename(tmp_path / "6")

    with whole_folder(tmp_path / "7") as work:
        (work / "whole").write_bytes(b"whole")

    assert [path.name for path in (tmp_path / "7").iterdir()] == ["whole"]
