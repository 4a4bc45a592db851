"""Rows F08, F09, F11 and F15, and read-only media: file systems of our own, mounted where the tests may mount."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive
from storage.files.layout import FOLDERS
from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.checker.evidence import tree_digest
from tests.faults.killing import ONE_AT_A_TIME, mends_itself
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, run_here

IMAGE_BYTES = 160 * 1024 * 1024  # mostly holes
CUTS = ("commit:24", "rename:9")  # where the power goes; `-m slow` tries many more
EVERY_CUT = tuple(
    f"{kind}:{number}"
    for kind, last, step in (("commit", 64, 3), ("rename", 18, 2), ("sync", 60, 5), ("link", 9, 2))
    for number in range(2, last, step)
)
NOBODY = 65534


def _system(*words: str | Path) -> None:
    """Run a command of the system's own; what it cannot do here is a reason to skip."""
    done = subprocess.run([str(word) for word in words], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"{words[0]} is not possible here: {done.stderr.decode(errors='replace').strip()[:200]}")


@contextmanager
def mounted(place: Path, *options: str | Path) -> Iterator[Path]:
    """A file system at a place, for as long as the block lasts."""
    place.mkdir(exist_ok=True)
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root may mount")
    _system("mount", *options, place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def disk_of_its_own(place: Path, image: Path) -> Iterator[Path]:
    """A journalled file system in a file, as on a real disk."""
    if not image.exists():
        if shutil.which("mkfs.ext4") is None:
            pytest.skip("mkfs.ext4 is not installed")
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _system("mkfs.ext4", "-q", image)
    with mounted(place, "-o", "loop", image) as disk:
        yield disk


# --- read-only media -------------------------------------------------------------------------------------------------

LOOKING = (
    ["status"],
    ["query", "mona"],
    ["query", "--sql", "SELECT count(*) FROM post"],
    ["verify"],
    ["models", "list"],
    ["trash", "list"],
)
WRITING = (
    ["relabel", "keep", "10"],
    ["apply", "--yes"],
    ["trash", "purge", "--older-than", "30d", "--yes"],
    ["review", "--port", "0"],
)


@pytest.mark.fault("F08")
def test_a_gallery_on_read_only_media_can_be_looked_at(laboratory: Laboratory, place: Path) -> None:
    original = place / "original"
    shutil.copytree(laboratory.whole, original)
    for leftover in original.glob("crawl.db-*"):
        leftover.unlink()
    before = tree_digest(original)
    with mounted(place / "root", "--bind", original) as root:
        _system("mount", "-o", "remount,ro,bind", root)

        looked = [run_here([*words, "--root", str(root)]) for words in LOOKING]
        written = [run_here([*words, "--root", str(root)]) for words in WRITING]
        dry = run_here(["--tag", "x", "--keep", "mona", "--root", str(root), "--site", "http://127.0.0.1:9"])

    assert [ended.code for ended in looked] == [0] * len(LOOKING), "\n".join(ended.output for ended in looked)
    for ended in (*written, dry):
        assert ended.code == 7, ended.output
        assert "file system is read-only" in ended.output
        assert "Traceback" not in ended.output
    assert tree_digest(original) == before


@pytest.mark.fault("F08")
def test_a_log_that_nobody_can_fold_in_is_not_passed_over(laboratory: Laboratory, place: Path) -> None:
    """What was written last would be missing in silence."""
    original = place / "original"
    shutil.copytree(laboratory.whole, original)
    with closing(sqlite3.connect(original / "crawl.db")) as owner:
        owner.execute("UPDATE run SET command = 'crawled'")
        owner.commit()
        shutil.copy(original / "crawl.db-wal", place / "log")
    (original / "crawl.db-wal").write_bytes((place / "log").read_bytes())
    (original / "crawl.db-shm").unlink(missing_ok=True)
    with mounted(place / "root", "--bind", original) as root:
        _system("mount", "-o", "remount,ro,bind", root)

        ended = run_here(["status", "--root", str(root)])

    assert ended.code == 7, ended.output
    assert "still in crawl.db-wal" in ended.output


# --- a disk that turns read-only, closed folders, two file systems ---------------------------------------------------


@pytest.mark.fault("F08")
def test_a_disk_that_turns_read_only_in_mid_run_stops_it_and_loses_nothing(laboratory: Laboratory, place: Path) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        configuration = simulator.configuration(place, site.url)
        with disk_of_its_own(place / "disk", place / "image") as disk:
            arguments = simulator.arguments(disk / "root", configuration)
            environment = {**ONE_AT_A_TIME, "STUB_STOP": "rename:9"}
            with driver.started(arguments, environment=environment) as child:
                assert child.waits_stopped()
                _system("mount", "-o", "remount,abort", disk)  # as after an error of the device
                child.go_on()
                ended = child.wait()
        assert ended is not None
        assert ended.code == 7, ended.output
        assert str(disk / "root") in ended.stderr
        assert "Traceback" not in ended.output
        with disk_of_its_own(place / "disk", place / "image") as disk:
            mends_itself(disk / "root", arguments, laboratory, label="a disk that turned read-only")


@pytest.fixture
def others_place() -> Iterator[Path]:
    """A folder that everybody can reach; the tests' own is closed to others."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root may act as somebody else")
    with tempfile.TemporaryDirectory(prefix="boorusieve-tests-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.fault("F09")
@pytest.mark.parametrize("closed", slow_after(1, ["renditions", "."]))
def test_a_folder_that_is_closed_to_us_is_named(laboratory: Laboratory, others_place: Path, closed: str) -> None:
    place = others_place
    root = laboratory.empty(place)
    homes = place / "home"
    homes.mkdir()
    for path in (place, root, homes, *root.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        configuration = simulator.configuration(place, site.url)
        configuration.chmod(0o644)
        arguments = simulator.arguments(root, configuration)
        mode = (root / closed).stat().st_mode & 0o777
        (root / closed).chmod(0o500)

        ended = driver.run(
            arguments,
            before=["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"],
            environment={**LOGGED_IN, **dict.fromkeys(("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), str(homes))},
        )

        (root / closed).chmod(mode)
        if "No module named" in ended.output or ended.code == 126:
            pytest.skip("somebody else may not read this program")
        assert ended.code == 7, ended.output
        assert str(root) in ended.output
        assert "ermission" in ended.output
        assert "Traceback" not in ended.output
        mends_itself(root, arguments, laboratory, label=f"{closed} closed")


@pytest.mark.fault("F15")
@pytest.mark.parametrize("folder", ["trash", "gallery", "damaged", "staging", "renditions"])
def test_a_folder_on_another_file_system_is_refused(laboratory: Laboratory, place: Path, folder: str) -> None:
    root = place / "root"
    shutil.copytree(laboratory.whole, root)
    before = {name: tree_digest(root / name) for name in FOLDERS}
    with mounted(root / folder, "-t", "tmpfs", "tmpfs"):
        ended = run_here(["apply", "--yes", "--root", str(root)])

        assert ended.code == 7, ended.output
        assert f"{root / folder}: lies on another disk" in ended.output
        assert list((root / folder).iterdir()) == []
    assert {name: tree_digest(root / name) for name in FOLDERS} == before


# --- the power is cut ------------------------------------------------------------------------------------------------

SAYING = (["relabel", "delete", "10"], ["apply", "--yes"], ["trash", "restore", "--all"])
ACKNOWLEDGED = (
    "SELECT version_id, target, model_hash, policy, value FROM decision",
    "SELECT client_key, value FROM label",
    "SELECT id, outcome FROM move WHERE outcome IS NOT NULL",
    "SELECT version_id, target, sha256 FROM file",
    "SELECT md5, name, sha256 FROM rendition",
)


def acknowledged(root: Path) -> set[tuple[Any, ...]]:
    """What the database of a dead program says was committed."""
    if not (root / "crawl.db").exists():
        return set()
    with closing(sqlite3.connect(root / "crawl.db")) as database:
        return {(query, *row) for query in ACKNOWLEDGED for row in database.execute(query)}


def cut(where: str, laboratory: Laboratory) -> None:
    """Cut the power at an operation; look at the disk as it is, mend it, and end like an unbroken run."""
    place = laboratory.place()
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        configuration = simulator.configuration(place, site.url)
        with disk_of_its_own(place / "disk", place / "image") as disk:
            arguments = simulator.arguments(disk / "root", configuration)
            ended = driver.run(arguments, environment={**ONE_AT_A_TIME, "STUB_DIE": where})
            assert ended.killed, f"{where}: {ended.output}"
            shutil.copy(place / "image", place / "after")  # unsynced: what the kernel has not written yet is lost
            committed = acknowledged(disk / "root")
        with disk_of_its_own(place / "disk", place / "after") as disk:
            assert committed <= acknowledged(disk / "root") or where.startswith(("rename", "sync", "link")), where
            mends_itself(disk / "root", arguments, laboratory, label=f"power cut at {where}")


@pytest.mark.fault("F11")
@pytest.mark.parametrize("where", slow_after(1, CUTS))
def test_a_power_cut_loses_nothing_that_was_acknowledged(where: str, laboratory: Laboratory) -> None:
    cut(where, laboratory)


@pytest.mark.fault("F11")
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_power_cut_at_any_operation_loses_nothing(laboratory: Laboratory) -> None:
    for where in EVERY_CUT:
        cut(where, laboratory)


@pytest.mark.fault("F11")
def test_labels_and_moves_that_were_acknowledged_survive_a_power_cut(laboratory: Laboratory, place: Path) -> None:
    with disk_of_its_own(place / "disk", place / "image") as disk:
        shutil.copytree(laboratory.whole, disk / "root")
        subprocess.run(["sync", "-f", str(disk)], check=True)
        kept = acknowledged(disk / "root")

        for number, words in enumerate(SAYING):
            ended = run_here([*words, "--root", str(disk / "root")], environment={"CRAWL_LIMITS_FREE_SPACE_MB": "1"})
            assert ended.code in (0, 3), ended.output
            shutil.copy(place / "image", place / f"after-{number}")
            promised = acknowledged(disk / "root")
            with disk_of_its_own(place / "cut", place / f"after-{number}") as after:
                assert acknowledged(after / "root") == promised != kept, words
                Archive.open(after / "root").close()
                assert acknowledged(after / "root") == promised, words
            kept = promised


def test_the_rig_loses_what_was_not_flushed(place: Path) -> None:
    """Otherwise the tests above would prove nothing."""
    with disk_of_its_own(place / "disk", place / "image") as disk:
        for name, flush in (("flushed", True), ("not", False)):
            with (disk / name).open("wb") as file:
                file.write(b"x" * 5000)
                file.flush()
                if flush:
                    os.fsync(file.fileno())
                    handle = os.open(disk, os.O_RDONLY)
                    os.fsync(handle)
                    os.close(handle)
        shutil.copy(place / "image", place / "after")
        with disk_of_its_own(place / "cut", place / "after") as after:
            found = {path.name: path.stat().st_size for path in after.iterdir() if path.is_file()}

    assert found.get("flushed") == 5000
    assert found.get("not", 0) == 0
