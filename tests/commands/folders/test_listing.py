"""The list of a pass: whole or not there, one pass at a time, and nothing of a killed one is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.folders.listing import COLUMNS, ListFile
from crawler.folder_pipeline import Classified, Ruled, Verdict
from crawler.sources.local_files import LocalFile
from storage.errors import FolderBusy
from storage.records import DecidedBy


def written(folder: Path, name: str = "1.jpg") -> Path:
    """The list of a pass over one picture."""
    with ListFile(folder) as table:
        ruled = Ruled(Verdict.KEPT, DecidedBy.SCORE, "0.900 >= 0.500", 0.9, "mona")
        table.add(Classified(LocalFile(folder / name, name), ruled))
    table.write_sheet(b"a sheet")
    return table.path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_pass_left_is_taken_over(tmp_path: Path) -> None:
    for name in (".classified.csv.part", ".classified.jpg.part"):
        (tmp_path / name).write_bytes(b"half a row of a killed pass" * 1000)

    table = written(tmp_path)

    assert names(tmp_path) == ["classified.csv", "classified.jpg"]
    assert table.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert len(table.read_text().splitlines()) == 2


def test_a_pass_that_stops_leaves_the_list_before_it(tmp_path: Path) -> None:
    before = written(tmp_path).read_bytes()

    with pytest.raises(KeyboardInterrupt), ListFile(tmp_path):
        raise KeyboardInterrupt

    assert (tmp_path / "classified.csv").read_bytes() == before
    assert names(tmp_path) == ["classified.csv", "classified.jpg"]


def test_two_passes_do_not_write_one_list(tmp_path: Path) -> None:
    with ListFile(tmp_path), pytest.raises(FolderBusy, match="another --to"), ListFile(tmp_path):
        pass

    assert written(tmp_path).exists()  # once the other has ended


def test_a_link_in_the_place_of_the_part_is_not_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.txt"
    theirs.write_text("theirs")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".classified.csv.part").symlink_to(theirs)

    with pytest.raises(Exception, match=r"classified\.csv\.part"), ListFile(folder):
        pass

    assert theirs.read_text() == "theirs"
