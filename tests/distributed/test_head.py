"""The head of a cluster dies, or a node hangs, in mid-run: nothing is lost, and the end is soon, with one line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.distributed.conftest import Crawled, digest
from tests.distributed.processes import household
from tests.distributed.test_losses import LOOKED, crawl_and, local, looks, three_nodes

__all__ = ["local"]  # the fixture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
ENDS_WITHIN_S = 120.0


@pytest.mark.parametrize(
    ("words", "strikes", "codes"),
    [
        ((), ["head"], {"0", "10"}),  # 0: the others were done before it was missed for half a minute
        ((), ["stop", "stop", "head"], {"10"}),
        (("ray://",), ["head"], {"10"}),
    ],
    ids=["head", "all", "client"],
)
def test_when_the_head_dies_the_crawl_ends_soon_and_the_same_command_goes_on(
    words: tuple[str, ...], strikes: list[str], codes: set[str], crawled: Crawled, local: Path
) -> None:
    root = crawled.root("head")
    with household() as house, three_nodes(house, *words) as cluster:
        struck: list[float] = []

        def strike(child: object) -> None:
            for one in strikes:
                cluster.strike(one)
            struck.append(time.monotonic())

        said = crawl_and(strike, crawled, root, cluster)
        took = time.monotonic() - struck[0]

    code, lines = said.partition("\n")[0], [line for line in said.splitlines() if line.startswith("crawl: ")]
    assert code in codes, said
    assert len(lines) == (code == "10"), said
    assert took < ENDS_WITHIN_S, said
    assert "Traceback" not in said
    assert looks(root) >= LOOKED

    again = crawled.crawl(root)  # by this machine

    assert again.code == 0, again.output
    assert digest(root) == digest(local)
    assert looks(root) == looks(local)


def test_a_node_that_hangs_costs_what_it_had_in_hand(crawled: Crawled, local: Path) -> None:
    root = crawled.root("hangs")
    with household() as house, three_nodes(house) as cluster:
        said = crawl_and(lambda child: cluster.strike("stop"), crawled, root, cluster)

    assert said.startswith("0\n"), said
    assert digest(root) == digest(local)
    assert looks(root) == looks(local)
