"""M13: the training of a generator, killed or stopped at several moments, or on a full disk, goes on all the same.

The real command, its real process, and networks of one filter: what they learn does not matter, what is left does.
"""

from __future__ import annotations

import io
import json
import shutil
import signal
import time
import zipfile
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from tests.faults import driver
from tests.faults.kills.grounds import REAL
from tests.faults.kills.sorted_folder import moments

pytestmark = pytest.mark.slow  # each of them trains twice
SEED = 20261201
SETTINGS = (
    "filters=1", "batch=8", "noise=3", "steps=40", "epochs=100", "sheets=2", "features=none", "saved_every_s=0",
)  # fmt: skip
MODEL, WORK, PROGRESS = "faces-generator", "faces-generator.training", "checkpoints/progress.json"


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty pictures of noise."""
    folder = tmp_path_factory.mktemp("pictures") / "faces"
    folder.mkdir()
    for number in range(60):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 24, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def command(faces: Path, place: Path, *words: str) -> list[str]:
    settings = [word for one in (*SETTINGS, *words) for word in ("--set", one)]
    where = ["--from", str(faces), "--to", str(place / MODEL), "--root", str(place / "root")]
    return ["generate", "train", "--experiment", "4", "--quiet", *where, *settings]


def trained(faces: Path, place: Path, *words: str) -> driver.CommandResult:
    return driver.run(command(faces, place, *words), program=REAL)


def state_of(place: Path) -> dict[str, object]:
    """What a training ends in, without what tells how long it took; nothing else may be left."""
    assert sorted(one.name for one in place.iterdir() if one.name != "root") == [MODEL]
    manifest = json.loads((place / MODEL / "manifest.json").read_bytes())
    training = {k: v for k, v in manifest["training"].items() if k not in ("seconds", "resumed")}
    sheets = {one.name: one.read_bytes() for one in sorted((place / MODEL / "sheets").iterdir())}
    kept = ("classes", "settings", "pictures", "quality")
    return {"weights": weights_of(place / MODEL / "generator.keras"), "training": training, "sheets": sheets} | {
        name: manifest[name] for name in kept
    }


def weights_of(path: Path) -> dict[str, bytes]:
    """By name, every array of a network's file."""
    import h5py

    found: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as parts, h5py.File(io.BytesIO(parts.read("model.weights.h5"))) as file:
        file.visititems(lambda name, one: found.update({name: one[()].tobytes()} if hasattr(one, "dtype") else {}))
    assert found
    return found


@pytest.fixture(scope="module")
def undisturbed(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = tmp_path_factory.mktemp("undisturbed")
    ended = trained(faces, place)
    assert ended.code == 0, ended.output
    return state_of(place)


def stopped_in_training(faces: Path, place: Path, by: signal.Signals, *words: str) -> driver.CommandResult:
    """Begin it, and stop it after it has kept a state."""
    with driver.started(command(faces, place, *words), program=REAL) as child:
        while not (place / WORK / PROGRESS).exists():
            ended = child.wait(0.05)
            assert ended is None, ended
            assert time.monotonic() - child.started < child.limit_s
        if by == signal.SIGKILL:
            child.kill_group()
        else:
            child.send(by)
        ended = child.wait()
        assert ended is not None
        return ended


@pytest.mark.fault("M13")
@pytest.mark.timeout(900)
def test_killed_while_it_learns_it_goes_on_and_ends_as_one_that_was_not(
    faces: Path, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    assert stopped_in_training(faces, tmp_path, signal.SIGKILL).killed
    assert not (tmp_path / MODEL).exists()

    ended = trained(faces, tmp_path)

    assert ended.code == 0, ended.output
    assert json.loads((tmp_path / MODEL / "manifest.json").read_bytes())["training"]["resumed"] is True
    assert state_of(tmp_path) == undisturbed


@pytest.mark.fault("M13")
@pytest.mark.timeout(900)
def test_ctrl_c_says_how_to_go_on_and_that_works(faces: Path, undisturbed: dict[str, object], tmp_path: Path) -> None:
    ended = stopped_in_training(faces, tmp_path, signal.SIGINT)

    assert ended.code == 130
    assert f"the same command goes on with what is in {tmp_path / WORK}" in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.output
    assert trained(faces, tmp_path).code == 0
    assert state_of(tmp_path) == undisturbed


@pytest.mark.fault("M13")
@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
def test_a_disk_that_is_full_when_a_state_is_kept_is_one_line_and_the_same_command_goes_on(
    faces: Path, tmp_path: Path
) -> None:
    words = ("filters=16", "steps=2")  # a state is larger than the pictures
    full = driver.run(command(faces, tmp_path, *words), before=("prlimit", "--fsize=2000000"), program=REAL)

    assert full.code == 7 and "Traceback" not in full.output, full.output
    assert len([line for line in full.stderr.splitlines() if "File too large" in line]) == 1
    assert not (tmp_path / MODEL).exists()
    assert trained(faces, tmp_path, *words).code == 0
    state_of(tmp_path)


@pytest.mark.fault("M13")
@pytest.mark.timeout(1800)
def test_a_kill_at_any_moment_ends_in_the_same_state(
    faces: Path, undisturbed: dict[str, object], tmp_path: Path
) -> None:
    whole, dice = trained(faces, tmp_path / "whole").seconds, Random(SEED)

    hit = 0
    for number, moment in enumerate(moments(6, whole, dice)):
        place = tmp_path / str(number)
        place.mkdir()
        hit += driver.killed_after(command(faces, place), moment, program=REAL).killed
        hit += driver.killed_after(command(faces, place), dice.uniform(0.2, 1.0) * whole, program=REAL).killed
        if not (place / MODEL).exists():
            ended = trained(faces, place)
            assert ended.code == 0, f"killed after {moment:.1f} s: {ended.output}"
        assert state_of(place) == undisturbed, f"killed after {moment:.1f} s"
    assert hit >= 4
