"""A journal takes its moves back, byte for byte; what was changed since, or stands in the way, is left and named."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import pytest

from storage.errors import FolderBusy, UnreadableFile
from storage.files.disk import Disk
from storage.folders.journal import read_journal
from storage.folders.output_lock import sole_writer
from storage.folders.undo import Undone, undo
from tests.storage.deaths import Killed
from tests.storage.folders.pictures import NOW, DyingDisk, Shelf, WithoutLinks, snapshot

pytestmark = pytest.mark.no_gallery


def taken_back(journal: Path | None, disk: Disk | None = None) -> Undone:
    assert journal is not None
    return undo(journal, disk or Disk(), lambda: NOW, lambda share, words: None)


def test_everything_is_where_it_was_with_its_times(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    before = snapshot(shelf.source)
    _, journal = shelf.move_everything()

    done = taken_back(journal)

    assert (done.moves, done.back, done.left) == (4, 4, [])
    assert snapshot(shelf.source) == before
    assert journal is not None and read_journal(journal).undone


@pytest.mark.fault("X10")
def test_a_kill_at_any_step_of_taking_back_loses_nothing_and_the_same_call_goes_on(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for disk in (Disk(), WithoutLinks()):
        for nth in itertools.count(1):
            shelf = Shelf(tmp_path_factory.mktemp("undo"), disk)
            before = snapshot(shelf.source)
            _, journal = shelf.move_everything()
            with monkeypatch.context() as patched:
                reaper = DyingDisk(patched, nth)
                with contextlib.suppress(Killed):
                    taken_back(journal, disk)

            done = taken_back(journal, disk)

            assert (done.back, done.left) == (4, []), nth
            assert snapshot(shelf.source) == before
            if not reaper.struck:
                break
        assert nth > 6


def test_taking_back_twice_changes_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    _, journal = shelf.move_everything()
    taken_back(journal)
    before = snapshot(tmp_path)

    assert taken_back(journal).back == 4
    assert snapshot(tmp_path) == before


def test_what_was_changed_or_removed_since_is_named_and_the_rest_goes_back(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    _, journal = shelf.move_everything()
    (shelf.target / "1.jpg").write_bytes(b"a/1.jpg" * 299 + b"edited!")
    (shelf.target / "2.jpg").unlink()

    done = taken_back(journal)

    assert done.back == 2
    assert sorted((path.name, why.partition(str(shelf.target))[2]) for path, why in done.left) == [
        ("1.jpg", "/1.jpg was changed since"),
        ("2.jpg", "/2.jpg is gone"),
    ]
    assert (shelf.target / "1.jpg").exists()


@pytest.mark.parametrize("content", [b"a new download", b""])
def test_a_new_file_of_the_old_name_is_left_alone(tmp_path: Path, content: bytes) -> None:
    shelf = Shelf(tmp_path)
    _, journal = shelf.move_everything()
    (shelf.source / "a" / "1.jpg").write_bytes(content)

    done = taken_back(journal)

    assert [why.partition(";")[0] for _, why in done.left] == ["another file is there now"]
    assert (shelf.source / "a" / "1.jpg").read_bytes() == content
    assert (shelf.target / "1.jpg").exists()


def test_a_folder_that_was_removed_since_is_made_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    _, journal = shelf.move_everything()
    (shelf.source / "b").rmdir()

    assert taken_back(journal).left == []


def test_half_a_line_at_the_end_was_never_begun_and_a_damaged_line_is_named(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    killed = shelf.mover()
    killed.move(shelf.orders()[:2])
    killed.close()
    journal = killed.journal
    assert journal is not None
    whole = journal.read_bytes()

    journal.write_bytes(whole + b'{"move": 3, "batch": 2, "from": "/')
    assert len(read_journal(journal).moves) == 2
    journal.write_bytes(whole.replace(b'"sha256"', b'"sha25\xff"', 1) + whole)
    with pytest.raises(UnreadableFile, match="line 2"):
        read_journal(journal)


@pytest.mark.parametrize("content", [b"", b"no JSON\n", b'{"other": 1}\n', b"[1]\n", b"x" * 200_000])
def test_what_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "moved-1.jsonl"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile, match="no journal"):
        undo(path, Disk(), lambda: NOW, lambda share, words: None)

    assert [one.name for one in tmp_path.iterdir()] == ["moved-1.jsonl"]


def test_nothing_is_taken_back_while_another_program_sorts_there(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    _, journal = shelf.move_everything()

    with sole_writer(shelf.target, Disk()), pytest.raises(FolderBusy, match="another crawl classify"):
        taken_back(journal)
