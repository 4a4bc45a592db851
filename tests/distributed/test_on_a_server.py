"""A cluster looks, a server holds the rows: a crawl, a sync and an export end as by one machine and a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from storage.lifecycle.gallery_copy import copy_gallery
from tests.distributed.conftest import Crawled, digest
from tests.distributed.processes import household
from tests.distributed.test_losses import three_nodes
from tests.equipment.postgres import PostgresServer
from tests.faults import driver
from tests.faults.kills.grounds import REAL
from tests.storage.samples import NO_RESERVE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def worked(crawled: Crawled, root: Path, environment: Mapping[str, str]) -> Mapping[str, bytes]:
    """Crawl, sync and export; gives what was exported, by path."""
    exported = root.with_name(f"{root.name}-exported")
    for words in (
        crawled.words(root),
        ["sync", "--all", "--full", "--root", str(root)],
        ["export", "imagefolder", str(exported), "decision:keep", "--keep", "mona", "--root", str(root)],
    ):
        ended = driver.run(words, program=REAL, environment=environment, limit_s=400)
        assert ended.code == 0, (words, ended.output)
        assert ("by 3 workers of the Ray cluster" in ended.output) == bool(environment and words[0] != "export")
    return {str(file.relative_to(exported)): file.read_bytes() for file in exported.rglob("*") if file.is_file()}


def test_a_cluster_and_a_server_end_as_one_machine_and_a_file(crawled: Crawled, server: PostgresServer) -> None:
    here, there = crawled.root("here"), crawled.root("there")
    copy_gallery(there, server.new_database(), NO_RESERVE)

    exported = worked(crawled, here, {})
    with household() as house, three_nodes(house) as cluster:
        same = worked(crawled, there, {**cluster.environment, "CRAWL_ENGINE": "ray"})

    assert digest(there) == digest(here)
    assert sorted(same) == sorted(exported)
    assert len(exported) > 3
