"""Whether a cluster has room for the workers that are asked for: said at the start, because Ray waits without end."""

from __future__ import annotations

from dataclasses import dataclass

from distributed.errors import ClusterRefused
from storage.plurals import counted


@dataclass(frozen=True, slots=True)
class ClusterRoom:
    """What a cluster has."""

    name: str  # for people
    nodes: tuple[tuple[float, float], ...]  # processors and GPUs of each machine, free or not
    free_processors: float  # of all machines together
    free_gpus: float

    @property
    def processors(self) -> float:
        """Free or not."""
        return sum(node[0] for node in self.nodes)

    @property
    def gpus(self) -> float:
        """Free or not."""
        return sum(node[1] for node in self.nodes)

    def holds(self, processors: int, *, gpu: bool) -> int:
        """Workers that the machines could hold if all of it were free: one worker is on one machine."""
        return sum(int(min(node[0] // processors, node[1] if gpu else node[0])) for node in self.nodes)

    def could_hold(self, workers: int, processors: int, *, gpu: bool) -> bool:
        """Whether there would be room if all of it were free."""
        return self.holds(processors, gpu=gpu) >= max(1, workers)


def seats_for(room: ClusterRoom, workers: int, processors: int, *, gpu: bool) -> int:
    """How many workers to start.

    Args:
        room: what there is.
        workers: how many are asked for; 0: as many as there is room for.
        processors: of each.
        gpu: each takes a GPU, too.
    Raises:
        ClusterRefused: there is too little room.
    """
    free = int(room.free_processors // processors)
    most = min(room.holds(processors, gpu=gpu), free, int(room.free_gpus) if gpu else free)
    if most >= max(1, workers):
        return workers or most
    each = counted(processors, "processor") + (" and 1 GPU" if gpu else "") + " each"
    has = f"{room.free_processors:g} of {room.processors:g} processors free"
    if gpu:
        has += f", {room.free_gpus:g} of {room.gpus:g} GPUs"
    raise ClusterRefused(
        f"{counted(max(1, workers), 'Ray worker')} with {each} need more than {room.name} has: {has} on "
        f"{counted(len(room.nodes), 'machine')}; set ray.workers or ray.processors lower, or add machines"
    )
