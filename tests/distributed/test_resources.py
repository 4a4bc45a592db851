"""What does not fit is said, and not waited for."""

from __future__ import annotations

import pytest

from distributed.errors import ClusterRefused
from distributed.resources import ClusterRoom, seats_for


def room(*nodes: tuple[float, float], free: float | None = None, free_gpus: float | None = None) -> ClusterRoom:
    processors, gpus = sum(node[0] for node in nodes), sum(node[1] for node in nodes)
    return ClusterRoom(
        "the cluster", nodes, processors if free is None else free, gpus if free_gpus is None else free_gpus
    )


@pytest.mark.parametrize(
    ("there", "workers", "processors", "gpu", "seats"),
    [
        (room((4, 0)), 0, 1, False, 4),
        (room((4, 0)), 3, 1, False, 3),
        (room((4, 0), (4, 0), (4, 0)), 0, 3, False, 3),  # one a machine: a worker is on one
        (room((4, 0), (8, 0), free=5.0), 0, 2, False, 2),
        (room((4, 1), (4, 0)), 0, 1, True, 1),
        (room((16, 4)), 4, 2, True, 4),
    ],
)
def test_as_many_workers_as_there_is_room_for(
    there: ClusterRoom, workers: int, processors: int, gpu: bool, seats: int
) -> None:
    assert seats_for(there, workers, processors, gpu=gpu) == seats


@pytest.mark.parametrize(
    ("there", "workers", "processors", "gpu", "says"),
    [
        (room((4, 0)), 5, 1, False, "5 Ray workers with 1 processor each need more than the cluster has: 4 of 4 pro"),
        (room((2, 0), (2, 0)), 0, 3, False, "1 Ray worker with 3 processors each need more than the cluster has"),
        (room((4, 0), free=0.0), 0, 1, False, "0 of 4 processors free on 1 machine"),
        (room((4, 0)), 1, 1, True, "1 GPU each need more than the cluster has: 4 of 4 processors free, 0 of 0 GPUs"),
        (room((4, 2), free_gpus=0.0), 1, 1, True, "0 of 2 GPUs on 1 machine"),
    ],
)
def test_too_little_room_is_refused_in_one_line(
    there: ClusterRoom, workers: int, processors: int, gpu: bool, says: str
) -> None:
    with pytest.raises(ClusterRefused, match=says) as refused:
        seats_for(there, workers, processors, gpu=gpu)

    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


def test_a_cluster_that_others_fill_may_have_room_in_a_moment() -> None:
    busy = room((4, 0), free=0.0)

    assert busy.could_hold(4, 1, gpu=False)
    assert not busy.could_hold(5, 1, gpu=False)
