"""A Ray cluster of three nodes, each a group of processes of this machine.

    python -m tests.distributed.three_nodes [ray://]

Prints its address, with `ray://` that of its server for clients; each line on standard input kills one more node, as a
machine dies, and is answered by a line. Ends with its standard input.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

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
        for _ in sys.stdin:
            cluster.remove_node(others.pop(), allow_graceful=False)
            print("killed", flush=True)
    finally:
        cluster.shutdown()
        shutil.rmtree(SCRATCH, ignore_errors=True)


if __name__ == "__main__":
    main()
