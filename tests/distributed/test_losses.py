"""A worker, a node or the crawl itself dies in mid-run, and the state becomes the local engine's all the same."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psutil
import pytest

from storage.archive import open_reader
from tests.distributed.conftest import LIMIT_S, Crawled, digest
from tests.distributed.processes import Household, household
from tests.faults import driver
from tests.faults.kills.grounds import REAL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
QUICKLY_MISSED = {  # a node that does not answer is one no more after four seconds, not half a minute
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
LOOKED = 25  # pictures, before somebody dies
SLOWLY = {"CRAWL_SCORING_IN_FLIGHT": "6", "PYTHONDONTWRITEBYTECODE": "1"}  # so that there is a middle of the run


class ThreeNodes:
    """The cluster, its address, and what becomes of its nodes."""

    def __init__(self, process: subprocess.Popen[str], environment: Mapping[str, str]) -> None:
        self._process = process
        self.environment = dict(environment)

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def strike(self, what: str) -> None:
        """A node is killed or stopped, or the head is killed; see `three_nodes`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        assert self.line() == "done"


@contextmanager
def three_nodes(house: Household, *words: str) -> Iterator[ThreeNodes]:
    """A cluster of the household; a crawl that joins it is of none, to be told apart."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    command = [sys.executable, "-m", "tests.distributed.three_nodes", *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=driver.REPOSITORY,
        env={**os.environ, **token, **house.environment, **QUICKLY_MISSED},
    ) as process:
        cluster = ThreeNodes(process, {**token, **SLOWLY})
        cluster.environment["CRAWL_RAY_ADDRESS"] = address = cluster.line()
        assert address, "the cluster did not start"
        try:
            yield cluster
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=120)


def looks(root: Path) -> int:
    with open_reader(root) as reader:
        return int(reader.sql("SELECT count(*) FROM score").rows[0][0])


def wait_for_looks(root: Path, wanted: int, child: driver.Child) -> None:
    until = time.monotonic() + LIMIT_S
    while looks(root) < wanted:
        assert time.monotonic() < until and child.process.poll() is None, child.heard()
        time.sleep(0.02)


def crawl_and(strike: Callable[[driver.Child], None], crawled: Crawled, root: Path, cluster: ThreeNodes) -> str:
    """Crawl, strike in the middle, and give what the crawl printed."""
    words = crawled.words(root, "--engine", "ray")
    with driver.started(words, program=REAL, environment=cluster.environment, limit_s=LIMIT_S) as child:
        wait_for_looks(root, looks(root) + LOOKED, child)
        strike(child)
        ended = child.wait()
    assert ended is not None
    return f"{ended.code}\n{ended.output}"


def of_a_household(words: list[str], house: Household) -> AbstractContextManager[driver.Child]:
    """A crawl with a cluster of its own."""
    environment = {**SLOWLY, **house.environment, "CRAWL_DEMO_LOGIN": "me", "CRAWL_DEMO_API_KEY": "secret"}
    return driver.started(words, program=REAL, environment=environment, limit_s=LIMIT_S)


def _has_a_key(process: psutil.Process) -> bool:
    try:
        return "secret" in process.environ().values()
    except psutil.Error:
        return False


@pytest.fixture
def local(crawled: Crawled) -> Path:
    root = crawled.root("local")
    assert crawled.crawl(root).code == 0
    return root


def test_a_worker_a_node_and_the_crawl_itself_may_die_and_the_state_is_the_local_engines(
    crawled: Crawled, local: Path
) -> None:
    with household() as house, three_nodes(house) as cluster:
        said = crawl_and(lambda child: house.workers()[0].kill(), crawled, crawled.root("worker"), cluster)

        assert said.startswith("0\n"), said
        assert "was lost" in said
        assert "looking at pictures by 3 workers of the Ray cluster 127.0.0.1:" in said
        assert digest(crawled.folder / "worker") == digest(local)
        assert looks(crawled.folder / "worker") == looks(local)

        said = crawl_and(lambda child: child.send(signal.SIGKILL), crawled, crawled.root("driver"), cluster)
        assert not said.startswith("0\n"), said
        again = crawled.crawl(crawled.folder / "driver", "--engine", "ray", **cluster.environment)

        assert again.code == 0, again.output
        assert digest(crawled.folder / "driver") == digest(local)
        assert looks(crawled.folder / "driver") == looks(local)

        said = crawl_and(lambda child: cluster.strike("kill"), crawled, crawled.root("node"), cluster)

        assert said.startswith("0\n"), said
        assert "was lost" in said
        assert digest(crawled.folder / "node") == digest(local)
        assert looks(crawled.folder / "node") == looks(local)


def test_a_cluster_of_this_machine_listens_here_alone_and_ends_with_a_crawl_that_is_killed(crawled: Crawled) -> None:
    root = crawled.root("root")
    words = crawled.words(root, "--engine", "ray")
    with household() as house, of_a_household(words, house) as child:
        child.spares_children = True
        wait_for_looks(root, LOOKED, child)
        heard = house.heard_elsewhere()
        keys = [one.name() for one in house.processes() if one.pid != child.process.pid and _has_a_key(one)]
        child.send(signal.SIGKILL)
        child.wait()

        assert (heard, keys) == (set(), [])
        assert house.left() == []


def test_ctrl_c_ends_the_crawl_in_order_and_the_cluster_with_it(crawled: Crawled) -> None:
    root = crawled.root("root")
    words = crawled.words(root, "--engine", "ray")
    with household() as house, of_a_household(words, house) as child:
        child.spares_children = True
        wait_for_looks(root, LOOKED, child)
        os.killpg(child.process.pid, signal.SIGINT)  # as a terminal does
        ended = child.wait()

        assert ended is not None
        assert ended.code == 130, ended.output
        assert "Traceback" not in ended.output
        assert house.left() == []


def test_a_crawl_may_be_a_client_of_the_cluster(crawled: Crawled, local: Path) -> None:
    with household() as house, three_nodes(house, "ray://") as cluster:
        ended = crawled.crawl(crawled.root("client"), "--engine", "ray", **cluster.environment)

    assert ended.code == 0, ended.output
    assert "looking at pictures by 3 workers of the Ray cluster ray://127.0.0.1:" in ended.output
    assert digest(crawled.folder / "client") == digest(local)
