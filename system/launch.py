"""Run one of our modules in a fresh interpreter: `python -P …/system/launch.py MODULE ARGUMENT…`.

Our rooms are found where this file lies, be that an installation or a checkout, and nowhere else: a `demo.py` or
`numpy.py` of the user's in the current folder is never imported. Libraries that the parent found by its PYTHONPATH are
looked for there too, behind everything else, so that they cannot hide anything.

The process ends with its parent: on Linux the kernel sends SIGTERM when the parent dies.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

ROOMS = frozenset(
    {
        *("classifier", "commands", "crawler", "demo", "distributed", "interchange", "migrations", "review", "rounds"),
        *("serving", "storage", "system"),
        *("bench", "tests"),  # of a checkout
    }
)
LIBRARIES = "BOORUSIEVE_LIBRARIES"  # environment variable: folders, joined by os.pathsep
PARENT = "BOORUSIEVE_PARENT"  # environment variable: process id of whoever started us
_ROOT = str(Path(__file__).resolve().parents[1])
_PR_SET_PDEATHSIG = 1  # of prctl(2)


class OwnRooms:
    """Finds our rooms where this file lies; anything else is left to the other finders."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        return PathFinder.find_spec(name, [_ROOT], target) if path is None and name in ROOMS else None


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies, where it can; leave at once if that has happened already."""
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)


def main() -> None:
    """Become the module that the command line names."""
    if parent := os.environ.pop(PARENT, ""):
        die_with_parent(int(parent))
    libraries = os.environ.pop(LIBRARIES, "").split(os.pathsep)
    sys.path += [folder for folder in libraries if folder and folder not in sys.path]
    sys.meta_path.insert(0, OwnRooms)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
