"""A training on disk, so that one that was killed goes on: weights, optimizer, the best epoch, and how far it was.

    progress.json   how far: written last, by one rename, and names the other two
    now-N.npz       every variable of network and optimizer
    best-N.npz      the weights of the best epoch so far

A folder belongs to one training: its settings and its pictures. Whoever makes it puts both into its name.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from system.flush import flush

Arrays = Sequence[npt.NDArray[Any]]

_PROGRESS = "progress.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What a folder holds."""

    progress: Mapping[str, Any]  # plain values
    now: tuple[npt.NDArray[Any], ...]
    best: tuple[npt.NDArray[Any], ...]  # empty before the first epoch has ended


class Checkpoints:
    """The files of one training; None as the folder: it is kept nowhere."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._number = 0

    def save(self, progress: Mapping[str, Any], now: Arrays, best: Arrays) -> None:
        """Replace what was kept before; a kill at any moment leaves the old or the new."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._number += 1
        names = [_written(self._folder / f"{name}-{self._number}.npz", arrays) for name, arrays in _files(now, best)]
        record = {"format": _FORMAT, "number": self._number, "files": names, "progress": dict(progress)}
        beside = self._folder / f"{_PROGRESS}.new"
        beside.write_text(json.dumps(record, allow_nan=False))
        flush(beside)
        beside.replace(self._folder / _PROGRESS)
        flush(self._folder)
        for old in self._folder.glob("*.npz"):
            if old.name not in names:
                old.unlink()

    def load(self) -> Saved | None:
        """What was kept; None: nothing, or nothing that can be read, and training begins anew."""
        if self._folder is None:
            return None
        try:
            record = json.loads((self._folder / _PROGRESS).read_bytes())
            if record["format"] != _FORMAT:
                return None
            now, best = (_read(self._folder / name) for name in record["files"])
            self._number = int(record["number"])
            return Saved(dict(record["progress"]), now, best)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None


def _files(now: Arrays, best: Arrays) -> Iterator[tuple[str, Arrays]]:
    yield "now", now
    yield "best", best


def _written(path: Path, arrays: Arrays) -> str:
    with path.open("wb") as file:
        np.savez(file, *arrays)
        file.flush()
        os.fsync(file.fileno())
    return path.name


def _read(path: Path) -> tuple[npt.NDArray[Any], ...]:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return tuple(file[f"arr_{number}"] for number in range(len(file.files)))
