"""What is sent arrives as it was, and an error comes back as the one that was raised."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from classifier.errors import CanaryError, DeviceError
from distributed.messages import PackedFolder, WorkerError, pack, unpack
from distributed.scratch import new_scratch


def test_a_folder_is_written_elsewhere_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "3"
    (folder / "report").mkdir(parents=True)
    (folder / "head.npz").write_bytes(b"\0\1")
    (folder / "report" / "a.json").write_text("{}")
    (tmp_path / "there").mkdir()

    there = unpack(pack(folder), tmp_path / "there")

    assert there == tmp_path / "there" / "3"
    assert (there / "head.npz").read_bytes() == b"\0\1"
    assert (there / "report" / "a.json").read_text() == "{}"


@pytest.mark.parametrize("name", ["../head.npz", "/head.npz", "report/../../head.npz"])
def test_a_name_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        unpack(PackedFolder("3", {name: b""}), tmp_path)


def test_an_error_comes_back_by_its_name_with_the_machine() -> None:
    back = WorkerError.of(CanaryError("scores differ")).error("anna")

    assert isinstance(back, CanaryError)
    assert str(back) == "on anna: scores differ"


def test_what_is_no_error_of_ours_is_a_failing_device() -> None:
    back = WorkerError.of(KeyError("x")).error("anna")

    assert type(back) is DeviceError
    assert str(back) == "on anna: KeyError: 'x'"


def test_the_folder_of_a_process_that_is_gone_is_removed_and_that_of_one_that_runs_is_not() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    stale = Path(tempfile.mkdtemp(prefix=f"crawl-ray-{gone.pid}-"))
    ours = Path(tempfile.mkdtemp(prefix=f"crawl-ray-{os.getpid()}-"))

    new = new_scratch()

    assert not stale.exists()
    assert ours.exists()
    assert new.is_dir()
    ours.rmdir()
    new.rmdir()
