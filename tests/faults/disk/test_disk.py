"""Rows F and R03: a disk that refuses, things planted in the root, and recovery that is itself interrupted."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.archive import Archive
from tests.faults.checker import checker
from tests.faults.checker.evidence import tree_digest
from tests.faults.killing import command, dies_at, mends_itself
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_same_state, assert_well, run_here

FSYNCS = (2, 7, 25)  # of which number fails; `-m slow` tries them all
MOST_FSYNCS = 200
NO_RESERVE = {**LOGGED_IN, "CRAWL_LIMITS_FREE_SPACE_MB": "0"}


class FailingSync:
    """An fsync that reports an I/O error once, as disks do, and has forgotten it the next time."""

    def __init__(self, number: int) -> None:
        self.left = number
        self.failed = False
        self.only_a_word = False  # the lock file's text is for people; the lock does not depend on it
        self._honest = os.fsync

    def __call__(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0:
            self.failed = True
            self.only_a_word = Path(sys._getframe(1).f_code.co_filename).name == "lock.py"
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._honest(descriptor)


def _fails_once(number: int, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> bool:
    """One run in which one fsync fails; says whether there were so many."""
    place = laboratory.place()
    root = laboratory.empty(place)
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))
        sync = FailingSync(number)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", sync)
            ended = run_here(arguments, environment=LOGGED_IN)
        if not sync.failed:
            assert ended.code == 0, ended.output
            return False
        assert ended.code == 7 or (ended.code == 0 and sync.only_a_word), f"fsync {number}: {ended.output}"
        assert "Traceback" not in ended.output
        mends_itself(root, arguments, laboratory, label=f"fsync {number} failing")
        return True


@pytest.mark.fault("F06")
@pytest.mark.parametrize("number", FSYNCS)
def test_a_failed_fsync_is_never_believed(number: int, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _fails_once(number, laboratory, monkeypatch)


@pytest.mark.fault("F06")
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_failed_fsync_is_ever_believed(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = [number for number in range(1, MOST_FSYNCS) if _fails_once(number, laboratory, monkeypatch)]

    assert failed == list(range(1, len(failed) + 1))
    assert len(failed) > 20


@pytest.fixture(params=[400, 700, 900], ids=lambda size: f"{size} KiB")
def small_disk(request: pytest.FixtureRequest, place: Path) -> Iterator[Path]:
    """A disk of its own with room for little; grows when it is mounted anew."""
    disk = place / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode(errors='replace').strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.fault("F01", "F02")
def test_a_full_disk_stops_the_run_and_loses_nothing(laboratory: Laboratory, small_disk: Path) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root = small_disk / "root"
        arguments = simulator.arguments(root, simulator.configuration(small_disk.parent, site.url))

        ended = run_here(arguments, environment=NO_RESERVE)

        assert ended.code == 7, ended.output
        assert str(small_disk) in ended.stderr
        assert "Traceback" not in ended.output
        subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
        mends_itself(root, arguments, laboratory, label="a full disk")


FOLDER, NAME = "gallery/mona", "gallery/mona/10_{md5}.jpg"


def _link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def _folder(path: Path, victim: Path) -> None:
    path.mkdir()


def _pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


@pytest.mark.fault("F12", "F13")
@pytest.mark.parametrize(
    ("plant", "where"),
    [(_link, FOLDER), (_pipe, FOLDER), (_link, NAME), (_folder, NAME), (_pipe, NAME)],
    ids=["link for a folder", "pipe for a folder", "link for a file", "folder for a file", "pipe for a file"],
)
def test_nothing_is_written_through_what_is_planted(
    plant: Callable[[Path, Path], None], where: str, laboratory: Laboratory, place: Path
) -> None:
    root, victim = laboratory.empty(place), place / "victim"
    victim.mkdir()
    (victim / "precious.jpg").write_bytes(b"precious")
    md5, _ = laboratory.published[10]
    target = root / where.format(md5=md5)
    target.parent.mkdir(parents=True, exist_ok=True)
    before = tree_digest(victim)
    plant(target, victim)
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))

        ended = run_here(arguments, environment=LOGGED_IN)

        assert ended.code == 7, ended.output
        assert "Traceback" not in ended.output
        assert tree_digest(victim) == before
        (target.rmdir if plant is _folder else target.unlink)()
        mends_itself(root, arguments, laboratory, label=f"{plant.__name__} at {where}")


@pytest.mark.fault("F14")
def test_another_gallerys_files_are_refused_before_anything_is_done(laboratory: Laboratory, place: Path) -> None:
    root = place / "root"
    shutil.copytree(laboratory.whole, root)
    (root / ".gallery-id").write_text("f" * 32 + "\n", "ascii")
    before = tree_digest(root / "gallery"), (root / "crawl.db").read_bytes()
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))

        ended = run_here(arguments, environment=LOGGED_IN)

        assert ended.code == 7, ended.output
        assert site.requests == []
    assert (tree_digest(root / "gallery"), (root / "crawl.db").read_bytes()) == before


@pytest.mark.fault("F16")
def test_what_the_owner_changes_by_hand_is_reported_and_left_alone(laboratory: Laboratory, place: Path) -> None:
    root = place / "root"
    shutil.copytree(laboratory.whole, root)
    gone, *_, changed = sorted(path for path in (root / "gallery").rglob("*") if path.is_file())
    gone.unlink()
    changed.write_bytes(b"rotten")
    foreign = root / "gallery" / "mona" / "holiday.jpg"
    foreign.write_bytes(b"mine")

    ended = run_here(["verify", "--root", str(root)])

    assert ended.code == 11, ended.output
    assert all(path.name in ended.output for path in (gone, foreign)), ended.output
    assert foreign.read_bytes() == b"mine"
    assert checker.check(root, weak=True) == [] or not gone.exists()


@pytest.mark.fault("R03")
def test_recovering_twice_changes_nothing(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        assert dies_at("rename", 8, arguments).killed

        Archive.open(root).close()
        first = checker.state_lines(root)
        Archive.open(root).close()

        assert checker.state_lines(root) == first
        mends_itself(root, arguments, laboratory, label="rename 8, recovered twice")


@pytest.mark.fault("R03")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["rename", "unlink", "sync", "create"])
def test_recovery_may_be_killed_too(kind: str, laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        for number in range(1, 10):
            root, arguments = command(laboratory, site)
            assert dies_at("rename", 8, arguments).killed
            dies_at(kind, number, arguments)
            mends_itself(root, arguments, laboratory, label=f"rename 8, then {kind} {number}")


def test_an_undisturbed_run_is_the_same_every_time(laboratory: Laboratory, place: Path) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root = laboratory.empty(place)
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))

        codes = [run_here(arguments, environment=LOGGED_IN).code for _ in range(2)]

    assert codes == [0, 0]
    assert_well(root, laboratory.expected(last_exit=0))
    assert_same_state(root, laboratory)
