"""Only regular files of a bounded size are read; whatever else is there is refused at once, by name."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from system.regular_files import UnsafeFile, open_regular, read_regular


def pipe(path: Path) -> None:
    os.mkfifo(path)


def local_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(path))  # a socket's path is short


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 << 30)


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, "is a pipe"),
    "socket": (local_socket, "is a socket"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "is a device"),
    "terminal": (lambda path: path.symlink_to("/dev/tty"), "is a device"),
    "20 GB": (huge, "is larger than 1 MB"),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")
@pytest.mark.parametrize(("make", "why"), ODD.values(), ids=ODD.keys())
def test_what_is_no_regular_file_of_that_size_is_refused(
    make: Callable[[Path], None], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "file"
    make(path)

    with pytest.raises(UnsafeFile) as refused:
        read_regular(path, 1 << 20)

    assert refused.value.why.startswith(why)


def test_a_file_that_tells_no_size_is_read_to_the_limit_and_refused() -> None:
    if not Path("/proc/self/maps").exists():
        pytest.skip("there are no such files here")

    with pytest.raises(UnsafeFile, match="larger than 10 bytes"):
        read_regular(Path("/proc/self/maps"), 10)


def test_links_lead_where_the_caller_allows(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside.txt"
    inside.mkdir()
    outside.write_bytes(b"outside")
    (inside / "real").write_bytes(b"real")
    (inside / "near").symlink_to("real")
    (inside / "far").symlink_to(outside)
    (inside / "round").symlink_to("round")

    assert read_regular(inside / "far", 100).content == b"outside"
    assert read_regular(inside / "near", 100, within=inside).content == b"real"
    with pytest.raises(UnsafeFile, match="out of the folder"):
        read_regular(inside / "far", 100, within=inside)
    with pytest.raises(UnsafeFile, match="is a link"):
        open_regular(inside / "near", 100, links=False)
    with pytest.raises(OSError):
        read_regular(inside / "round", 100, within=inside)


def test_a_file_of_exactly_the_limit_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 5000)

    assert len(read_regular(tmp_path / "file", 5000).content) == 5000
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none", 5000)
