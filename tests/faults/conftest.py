"""One laboratory for the whole suite: pictures are painted and the unbroken run is made once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.simulator.experiment import Laboratory
from tests.faults.simulator.simulator import paint


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    """Painted files, and the state and cost of an unbroken run."""
    folder = tmp_path_factory.mktemp("faults")
    home = {name: os.environ.get(name) for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    for name in home:
        place = folder / name.lower()
        place.mkdir()
        os.environ[name] = str(place)
    found = Laboratory(folder, paint(folder / "files"))
    found.measure()
    yield found
    for name, value in home.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def place(laboratory: Laboratory) -> Path:
    """A folder for one root."""
    return laboratory.place()
