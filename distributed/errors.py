"""What can go wrong in this room, and what the caller does about it.

RunError (of `storage`)
├── RayMissing      the extra `ray` is not installed (exit code 2)
├── ClusterRefused  the cluster cannot be reached, or has too little for what is asked: nothing was done (exit code 2)
└── ClusterLost     no worker is left in the middle of a run: what was done is kept (exit code 10)

WorkerGone          one worker died or does not answer: its pictures go to another
"""

from __future__ import annotations

from storage.run_error import RunError


class RayMissing(RunError):
    """Ray is not installed; nothing was done."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("the engine ray needs a package that is not installed: pip install 'boorusieve[ray]'")


class ClusterRefused(RunError):
    """There is no such cluster, or it is too small; nothing was done."""

    exit_code = 2


class ClusterLost(RunError):
    """No worker is left, and none could be started in its place; the same command goes on from what was recorded."""

    exit_code = 10


class WorkerGone(Exception):
    """A worker died, or its machine did; never seen outside this room."""
