"""A Ray cluster of three nodes, each a group of processes of this machine.

    python -m tests.distributed.three_nodes [ray://]

Prints its address, with `ray://` that of its server for clients; each line on standard input is carried out and
answered by a line: `kill` kills one more node, as a machine dies, `stop` stops one for good, as a machine hangs or its
network is gone, and `head` kills the one that keeps the cluster's state. Ends with its standard input.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from typing import Any

import psutil

from review.server import bind, port_of

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # the nodes have the loopback address
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
SCRATCH = os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix="three-")  # where the cluster's address is written as well

from ray.cluster_utils import Cluster  # noqa: TID253 - the lines above come first, and this is Ray's own program

NODES = 3
CLIENT = "ray://"


def main() -> None:
    """Start it, serve it, end it."""
    head = {"num_cpus": 1, "include_dashboard": False, "no_monitor": True, "include_log_monitor": False}
    clients = sys.argv[1:] == [CLIENT]
    with bind(0) as listening:
        port = port_of(listening)  # free again
    cluster = Cluster(initialize_head=True, head_node_args=head | ({"ray_client_server_port": port} if clients else {}))
    try:
        others = [cluster.add_node(num_cpus=1) for _ in range(NODES - 1)]
        print(f"{CLIENT}127.0.0.1:{port}" if clients else cluster.address, flush=True)
        for line in sys.stdin:
            _strike(line.strip(), cluster, others)
            print("done", flush=True)
    finally:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        cluster.shutdown()
        shutil.rmtree(SCRATCH, ignore_errors=True)


def _strike(what: str, cluster: Cluster, others: list[Any]) -> None:
    if what == "kill":
        cluster.remove_node(others.pop(), allow_graceful=False)
    elif what == "head":
        cluster.remove_node(cluster.head_node, allow_graceful=False)
    elif what == "stop":
        for kind in others.pop().all_processes.values():
            for one in kind:
                process = psutil.Process(one.process.pid)
                for each in (process, *process.children(recursive=True)):
                    each.send_signal(signal.SIGSTOP)
    else:
        raise ValueError(f"{what!r} is none of kill, stop, head")


if __name__ == "__main__":
    main()
