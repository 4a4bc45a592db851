"""Files and folders that a user names to be written are never a gallery's own, and nothing is waited for."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from pathlib import Path
from typing import IO

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from commands.context.output_paths import write_output
from commands.errors import UsageRefused
from storage.archive import Archive
from storage.errors import StorageError
from storage.files.layout import OWN, gallery_around
from storage.records import Target
from tests.storage.samples import NO_RESERVE

OWN_PLACES = sorted({*OWN, "crawl.log.1", "crawl.db.new-wal", "gallery/ab/1.jpg", "models/mona/1", "Crawl.DB"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    async def fill() -> None:
        async with Archive.open(tmp_path / "gallery-data", NO_RESERVE) as archive:
            await archive.save_targets("demo", [Target("mona", "mona")])

    asyncio.run(fill())
    return tmp_path / "gallery-data"


def crawl(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--root", str(root)], prog_name="crawl")


def everything_in(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("place", OWN_PLACES)
def test_what_belongs_to_a_gallery_is_known_at_every_depth(place: str, root: Path, tmp_path: Path) -> None:
    (tmp_path / "detour").symlink_to(root)

    assert gallery_around(root / place) == root.resolve()
    assert gallery_around(tmp_path / "detour" / place) == root.resolve()
    assert gallery_around(tmp_path / place) is None
    assert gallery_around(root / "list.csv") is None


@pytest.mark.parametrize(
    "words",
    [
        ("query", "", "--format", "ids", "--output", "{own}/crawl.db"),
        ("query", "", "--format", "parquet", "--output", "{own}/.gallery-id"),
        ("query", "", "--format", "csv", "--output", "{own}/gallery/list.csv"),
        ("query", "", "--format", "csv", "--output", "{elsewhere}/crawl.db-wal"),
        ("evaluate", "mona", "--report", "{own}/gallery"),
        ("evaluate", "mona", "--report", "{own}/renditions/report"),
        ("models", "export", "mona", "{own}/models"),
    ],
    ids=lambda words: " ".join(words),
)
def test_no_output_takes_the_place_of_anything_that_is_a_gallerys(
    words: tuple[str, ...], root: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    (elsewhere / ".gallery-id").write_text("0" * 32)
    before = everything_in(root)

    done = crawl(root, *(word.format(own=root, elsewhere=elsewhere) for word in words))

    assert done.exit_code == 2, done.output
    assert "belongs to the gallery" in done.stderr
    assert "nothing was written" in done.stderr
    assert everything_in(root) == before


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_a_pipe_that_nobody_reads_is_refused_instead_of_waited_for(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    done = crawl(root, "query", "", "--format", "csv", "--output", str(tmp_path / "pipe"))

    assert done.exit_code == 2
    assert "a pipe that nobody reads" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_a_pipe_that_somebody_reads_gets_everything(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    read: list[bytes] = []

    def take() -> None:
        while piece := os.read(reader, 65536):
            read.append(piece)

    taking = threading.Thread(target=take)
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 30000) select i from n"
    keeps_it_open = os.open(tmp_path / "pipe", os.O_WRONLY)  # until the answer is written
    taking.start()
    done = crawl(root, "query", "--sql", sql, "--format", "csv", "--output", str(tmp_path / "pipe"))
    os.close(keeps_it_open)
    taking.join()
    os.close(reader)

    assert done.exit_code == 0, done.output
    assert b"".join(read).splitlines()[-1] == b"30000"


@pytest.mark.skipif(os.name != "posix", reason="named pipes are POSIX's")
def test_a_reader_that_has_enough_is_no_trouble(root: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    keeps_it_open = os.open(tmp_path / "pipe", os.O_WRONLY)  # until there is something to read

    def leave() -> None:
        os.read(reader, 10)
        os.close(reader)

    leaving = threading.Thread(target=leave)
    leaving.start()
    sql = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000) select i from n"
    done = crawl(root, "query", "--sql", sql, "--format", "csv", "--output", str(tmp_path / "pipe"))
    os.close(keeps_it_open)
    leaving.join()

    assert done.exit_code == 0, done.output


def breaks_off(file: IO[bytes]) -> None:
    file.write(b"half")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(tmp_path: Path) -> None:
    old = tmp_path / "list.csv"
    old.write_text("old")

    with pytest.raises(StorageError, match="No space left"):
        write_output(old, "--output", breaks_off)
    with pytest.raises(StorageError):
        write_output(tmp_path / "new.csv", "--output", breaks_off)

    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]


def test_a_file_that_is_replaced_keeps_its_mode_and_the_links_to_it(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    file, link = tmp_path / "there" / "list.csv", tmp_path / "link.csv"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)

    write_output(link, "--output", lambda opened: opened.write(b"new"))

    assert link.is_symlink() and file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_link_that_leads_nowhere_yet_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "list.csv")

    write_output(tmp_path / "link.csv", "--output", lambda opened: opened.write(b"new"))

    assert (tmp_path / "link.csv").is_symlink() and (tmp_path / "list.csv").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the superuser may write everything")
def test_a_file_that_is_write_protected_stays(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("old")
    file.chmod(0o444)

    with pytest.raises(UsageRefused, match="Permission denied"):
        write_output(file, "--output", lambda opened: opened.write(b"new"))

    assert file.read_text() == "old"
