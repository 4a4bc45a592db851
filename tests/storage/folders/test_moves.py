"""Files are moved so that a kill anywhere, another file system or a taken name costs none of them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import DiskFull
from storage.files.disk import Disk
from storage.folders.journal import read_journal, unfinished_journals
from storage.folders.undo import undo
from tests.storage.deaths import Killed
from tests.storage.folders.pictures import NOW, DyingDisk, Shelf, WithoutLinks, order, snapshot

pytestmark = pytest.mark.no_gallery


class AcrossDisks(WithoutLinks):
    """What is moved goes to another file system."""


@pytest.fixture(params=["links", "no links", "another disk"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    if request.param == "another disk":
        other_device(monkeypatch, tmp_path / "kept")
    return Shelf(tmp_path, Disk() if request.param == "links" else WithoutLinks())


def other_device(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let a folder look as if it lay on a disk of its own: no test can mount one."""
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = real(self, follow_symlinks=follow_symlinks)
        if not self.is_relative_to(folder):
            return found
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10]), {"st_mtime_ns": found.st_mtime_ns})

    monkeypatch.setattr(Path, "stat", stat)


def test_files_are_moved_and_names_that_are_taken_get_a_number(shelf: Shelf) -> None:
    (shelf.target / "3.png").write_bytes(b"somebody's")

    results, journal = shelf.move_everything()

    assert all(result.target is not None for result in results)
    assert sorted(path.name for path in shelf.target.iterdir() if path.suffix != ".jsonl") == [
        "1-2.jpg", "1.jpg", "2.jpg", "3-2.png", "3.png",
    ]  # fmt: skip
    assert (shelf.target / "3.png").read_bytes() == b"somebody's"
    assert snapshot(shelf.source) == {}
    assert journal is not None and read_journal(journal).ended


def test_times_and_modes_go_along(shelf: Shelf) -> None:
    (shelf.source / "a" / "1.jpg").chmod(0o640)

    shelf.move_everything()

    info = (shelf.target / "1.jpg").lstat()
    assert (info.st_mtime, info.st_mode & 0o777) == (1_600_000_000, 0o640)


@pytest.mark.fault("X09")
def test_a_kill_at_any_step_loses_no_file_and_the_same_run_goes_on(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for disk, apart in ((Disk(), False), (WithoutLinks(), False), (WithoutLinks(), True)):
        for nth in itertools.count(1):
            folder = tmp_path_factory.mktemp("kill")
            shelf = Shelf(folder, disk)
            with monkeypatch.context() as patched:
                if apart:
                    other_device(patched, shelf.target)
                reaper = DyingDisk(patched, nth)
                with contextlib.suppress(Killed):
                    shelf.move_everything()
            assert_nothing_is_lost(shelf)
            with monkeypatch.context() as patched:
                if apart:
                    other_device(patched, shelf.target)
                shelf.move_everything()
            found = shelf.contents()
            assert {content: len(places) for content, places in found.items()} == dict.fromkeys(shelf.names, 1), nth
            assert all(place.startswith("kept/") for places in found.values() for place in places), nth
            if not reaper.struck:
                break
        assert nth > 12


def assert_nothing_is_lost(shelf: Shelf) -> None:
    whole = {name for name in shelf.names if any(path.read_bytes() == name.encode() * 300 for path in all_files(shelf))}
    assert whole == set(shelf.names)


def all_files(shelf: Shelf) -> list[Path]:
    return [path for path in shelf.folder.rglob("*") if path.suffix in (".jpg", ".png")]


def test_one_journal_has_the_moves_of_a_killed_run_and_of_the_one_that_went_on(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    before = snapshot(shelf.source)
    killed = shelf.mover()
    killed.move(shelf.orders()[:2])
    killed.close()

    _, journal = shelf.move_everything()

    assert journal == killed.journal and journal is not None
    assert [move.number for move in read_journal(journal).moves] == [1, 2, 3, 4]
    undone = undo(journal, Disk(), lambda: NOW, lambda share, words: None)
    assert (undone.back, undone.left) == (4, [])
    assert snapshot(shelf.source) == before


def test_only_journals_without_an_end_are_gone_on_with(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, Disk())
    with closing(shelf.mover("keqing")) as mover:
        mover.move([order(shelf.source / "a" / "1.jpg", shelf.target)])
        unfinished = mover.journal
    _, ended = shelf.move_everything()

    assert ended is not None and read_journal(ended).ended
    assert unfinished_journals(shelf.target) == [unfinished]


def test_half_a_line_of_a_killed_run_is_gone_once_the_next_goes_on(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, Disk())
    with closing(shelf.mover()) as mover:
        mover.move([order(shelf.source / "a" / "1.jpg", shelf.target)])
        journal = mover.journal
    assert journal is not None
    with journal.open("ab") as file:
        file.write(b'{"move": 2, "from": "' + b"x" * 5000)

    shelf.move_everything()

    assert read_journal(journal).ended
    assert b"xxx" not in journal.read_bytes()


def test_another_job_finishes_what_was_on_its_way_and_keeps_a_journal_of_its_own(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    killed = shelf.mover("keqing")
    killed.move(shelf.orders()[:1])
    killed.close()

    _, journal = shelf.move_everything()

    assert journal is not None and journal != killed.journal
    assert len(read_journal(journal).moves) == 3


def test_a_file_that_was_written_to_since_stays_where_it_is(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    orders = shelf.orders()
    (shelf.source / "a" / "1.jpg").write_bytes(b"longer or shorter")
    with closing(shelf.mover()) as mover:
        results = mover.move(orders)

    assert [result.target is None for result in results] == [True, False, False, False]
    assert "changed" in results[0].trouble
    assert (shelf.source / "a" / "1.jpg").read_bytes() == b"longer or shorter"


def test_a_file_that_is_written_to_while_it_is_copied_elsewhere_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(tmp_path, WithoutLinks())
    other_device(monkeypatch, shelf.target)
    orders = shelf.orders(["a/1.jpg"])
    (shelf.source / "a" / "1.jpg").write_bytes(b"A/1.JPG" * 300)  # as long as before

    with closing(shelf.mover()) as mover:
        results = mover.move(orders)

    assert results[0].target is None
    assert [path.name for path in shelf.target.iterdir() if path.suffix != ".jsonl"] == []


def test_a_link_that_stands_for_the_file_is_not_taken_for_its_new_place(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    killed = shelf.mover()
    killed.move(shelf.orders(["a/1.jpg"]))
    killed.close()
    (shelf.target / "1.jpg").rename(shelf.source / "a" / "1.jpg")  # moved back by hand, and a link put in its place
    (shelf.target / "1.jpg").symlink_to(shelf.source / "a" / "1.jpg")

    with closing(shelf.mover()) as mover:
        resumed = mover.resume()

    assert resumed is not None and "something else has its new name" in resumed.left[0]
    assert (shelf.source / "a" / "1.jpg").read_bytes() == b"a/1.jpg" * 300


def test_a_full_disk_ends_the_run_and_the_file_is_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(WithoutLinks):
        def link(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    shelf = Shelf(tmp_path, Full())

    with closing(shelf.mover()) as mover, pytest.raises(DiskFull, match="free some space"):
        mover.move(shelf.orders())

    assert len(snapshot(shelf.source)) == 4


def test_what_lost_its_name_to_somebody_in_between_stays(tmp_path: Path) -> None:
    class Taken(Disk):
        def link(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> None:
            Path(target).write_bytes(b"somebody's")
            super().link(source, target, source_folder, target_folder)

    shelf = Shelf(tmp_path, Taken())

    with closing(shelf.mover()) as mover:
        results = mover.move([order(shelf.source / "a" / "1.jpg", shelf.target)])

    assert results[0].target is None
    assert (shelf.target / "1.jpg").read_bytes() == b"somebody's"
    assert (shelf.source / "a" / "1.jpg").exists()
