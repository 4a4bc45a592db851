"""Which files of a folder are looked at: by what they are, never by where a link leads."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from crawler.sources.local_files import FEW, FileTrouble, content_of, count_files, local_files, outermost
from storage.files.layout import IDENTITY


def is_picture(head: bytes) -> bool:
    return head.startswith(b"PIC")


def put(path: Path, content: bytes = b"PIC") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def found(*folders: Path, apart: tuple[Path, ...] = ()) -> tuple[list[str], list[tuple[str, str]]]:
    left: list[tuple[str, str]] = []
    files = local_files(folders, apart, lambda path, why: left.append((path.name, why)))
    return [file.name for file in files], left


def test_files_come_by_name_folder_by_folder_and_hidden_ones_do_not(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/1.jpg", "a.png", ".hidden/3.jpg", "b/.4.jpg", "c/d/5.jpg"):
        put(tmp_path / name)

    assert found(tmp_path) == (["a.png", "b/1.jpg", "b/2.jpg", "c/d/5.jpg"], [])


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "in" / "1.jpg")
    put(tmp_path / "out" / "2.jpg")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "out" / "2.jpg")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "round").symlink_to(tmp_path / "in")

    names, left = found(tmp_path / "in")

    assert names == ["1.jpg"]
    assert sorted(left) == [("folder", "a link to a folder"), ("link.jpg", "a link"), ("round", "a link to a folder")]


def test_what_is_sorted_into_is_not_looked_at_however_it_is_called(tmp_path: Path) -> None:
    put(tmp_path / "in" / "1.jpg")
    put(tmp_path / "in" / "kept" / "2.jpg")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "in" / "kept")

    assert found(tmp_path / "in", apart=(tmp_path / "elsewhere",)) == (["1.jpg"], [])


def test_a_gallery_below_the_folder_keeps_its_files(tmp_path: Path) -> None:
    put(tmp_path / "1.jpg")
    put(tmp_path / "gallery-data" / "gallery" / "mona" / "2.jpg")
    put(tmp_path / "gallery-data" / IDENTITY)

    assert found(tmp_path) == (["1.jpg"], [("gallery-data", "a gallery")])


def test_a_single_file_may_be_named(tmp_path: Path) -> None:
    assert found(put(tmp_path / "1.jpg")) == (["1.jpg"], [])


def test_a_folder_within_another_is_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "ab").mkdir()
    named = [tmp_path / "a" / "b", tmp_path / "a", tmp_path / "ab", tmp_path / "a"]

    assert outermost(named) == [tmp_path / "a", tmp_path / "ab"]


def test_a_small_picture_is_read_once(tmp_path: Path) -> None:
    found = content_of(put(tmp_path / "1.jpg", b"PIC" + bytes(FEW - 3)), is_picture, 10_000_000)

    assert found is not None and found.data == b"PIC" + bytes(FEW - 3)


def test_counting_gives_what_is_listed(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "a/1.jpg", "3.txt", ".hidden/4.jpg"):
        put(tmp_path / name, b"PIC")

    assert count_files([tmp_path], []) == 3
    assert [file.name for file in local_files([tmp_path], [], lambda *_: None)] == ["3.txt", "a/1.jpg", "b/2.jpg"]


def test_a_picture_is_told_by_its_bytes_and_its_hashes_are_of_all_of_them(tmp_path: Path) -> None:
    content = b"PIC" + os.urandom(3_000_000)

    found = content_of(put(tmp_path / "without ending", content), is_picture, 10_000_000)

    assert found is not None and found.data is None  # too many to be kept
    digest = found.digest
    assert (digest.size, digest.md5) == (len(content), hashlib.md5(content).hexdigest())
    assert digest.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("1.jpg", b"<html>", "no picture"),
        ("1.webp", b"", "empty"),
        ("1.png", b"PIC" * 100, "too large"),
        ("notes.txt", b"text", None),
        ("notes.txt", b"", None),
    ],
)
def test_what_is_called_like_a_picture_and_is_none_fails(
    tmp_path: Path, name: str, content: bytes, reason: str | None
) -> None:
    path = put(tmp_path / name, content)

    if reason is None:
        assert content_of(path, is_picture, 200) is None
        return
    with pytest.raises(FileTrouble) as trouble:
        content_of(path, is_picture, 200)
    assert trouble.value.reason == reason


def test_pipes_and_files_that_are_gone_fail_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")

    for name, reason in (("pipe.jpg", "a pipe, not a regular file"), ("gone.jpg", "cannot be read")):
        with pytest.raises(FileTrouble) as trouble:
            content_of(tmp_path / name, is_picture, 200)
        assert trouble.value.reason == reason
