"""Copies and links: whole or not there, never twice, never over anything."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
from pathlib import Path

import pytest

from storage.files.disk import Disk
from storage.folders.free_names import FreeNames, numbered
from storage.folders.placement import How, Placer
from tests.storage.deaths import Killed
from tests.storage.folders.pictures import DyingDisk, Shelf, WithoutLinks, snapshot

pytestmark = pytest.mark.no_gallery


def placed(shelf: Shelf, how: How, notes: list[str] | None = None) -> list[str]:
    notes = notes if notes is not None else []
    placer = Placer(how, shelf.disk, notes.append)
    return [result.target.name if result.target else result.trouble for result in map(placer.place, shelf.orders())]


@pytest.mark.parametrize("how", [How.COPY, How.LINK])
def test_the_same_run_again_makes_nothing_twice(tmp_path: Path, how: How) -> None:
    shelf = Shelf(tmp_path)

    first, again = placed(shelf, how), placed(shelf, how)

    assert first == again == ["1.jpg", "2.jpg", "1-2.jpg", "3.png"]
    assert len(list(shelf.target.iterdir())) == 4
    assert len(snapshot(shelf.source)) == 4


def test_copies_are_files_of_their_own_and_links_are_not(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)

    placed(shelf, How.COPY)
    assert not (shelf.target / "1.jpg").samefile(shelf.source / "a" / "1.jpg")
    (shelf.target / "1.jpg").unlink()
    placed(shelf, How.LINK)
    assert (shelf.target / "1.jpg").samefile(shelf.source / "a" / "1.jpg")


def test_where_hard_links_are_impossible_they_are_symbolic_and_that_is_said_once(tmp_path: Path) -> None:
    shelf, notes = Shelf(tmp_path, WithoutLinks()), list[str]()

    placed(shelf, How.LINK, notes)
    again = placed(shelf, How.LINK)

    assert (shelf.target / "1.jpg").readlink() == shelf.source / "a" / "1.jpg"
    assert [note.partition("; ")[2] for note in notes] == ["these are symbolic"] * 2  # of two folders
    assert again == ["1.jpg", "2.jpg", "1-2.jpg", "3.png"]


def test_where_no_links_are_possible_they_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **more: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    shelf, notes = Shelf(tmp_path, WithoutLinks()), list[str]()

    placed(shelf, How.LINK, notes)

    assert not (shelf.target / "1.jpg").is_symlink()
    assert notes == [f"{shelf.target}: its file system has no links; these are copies"]


@pytest.mark.fault("X09")
def test_a_killed_copy_leaves_no_half_file_under_a_picture_s_name(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for disk in (Disk(), WithoutLinks()):
        for nth in itertools.count(1):
            shelf = Shelf(tmp_path_factory.mktemp("copy"), disk)
            with monkeypatch.context() as patched:
                reaper = DyingDisk(patched, nth)
                with contextlib.suppress(Killed):
                    placed(shelf, How.COPY)
            whole = {content * 300 for content in (b"a/1.jpg", b"a/2.jpg", b"b/1.jpg", b"b/3.png")}
            there = {path.read_bytes() for path in shelf.target.iterdir() if not path.name.startswith(".")}
            assert there - {b""} <= whole

            placed(shelf, How.COPY)

            assert {path.read_bytes() for path in shelf.target.iterdir()} >= whole
            if not reaper.struck:
                break
        assert nth > 8


def test_a_number_is_put_before_the_ending_and_long_names_lose_letters() -> None:
    assert numbered(Path("/x/mona.tar.jpg"), 2) == Path("/x/mona.tar-2.jpg")
    assert numbered(Path("/x/mona"), 12) == Path("/x/mona-12")
    long = numbered(Path("/x") / ("モ" * 83 + ".jpg"), 2)
    assert len(os.fsencode(long.name)) <= 255 and long.name.endswith("-2.jpg")


def test_a_name_is_given_out_once_until_it_is_settled(tmp_path: Path) -> None:
    names = FreeNames()

    given = [names.free(tmp_path, "1.jpg").name for _ in range(2)]
    names.settled()
    (tmp_path / "1.jpg").touch()
    given.append(names.free(tmp_path, "1.jpg").name)

    assert given == ["1.jpg", "1-2.jpg", "1-2.jpg"]  # nobody made the second
