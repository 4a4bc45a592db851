"""A cluster looks, a server holds the rows: a crawl, a sync and an export end as by one machine and a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.archive import open_reader
from storage.archive_records import Label
from storage.label_writer import Labelling
from storage.lifecycle.gallery_copy import copy_gallery
from storage.records import LabelValue
from tests.distributed.conftest import LIMIT_S, Crawled, digest
from tests.distributed.processes import household
from tests.distributed.test_losses import LOOKED, looks, three_nodes, wait_for_looks
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


def decided(root: Path) -> Sequence[tuple[int, str, str]]:
    """Posts that are decided: number, site, decision."""
    with open_reader(root) as reader:
        query = "SELECT post_id, site, decision FROM results WHERE decision IN ('keep', 'delete') ORDER BY post_id"
        return [(int(post), str(site), str(decision)) for post, site, decision in reader.sql(query).rows]


def label_by_two(root: Path, posts: Sequence[tuple[int, str, str]]) -> None:
    """Two people agree with the decisions on these posts, at the same time and one by one."""

    def label(who: str) -> None:
        with Labelling(root) as labelling:
            for post, site, decision in posts:
                value = LabelValue(decision)
                labelling.relabel([Label(post, site, "mona", value, who, f"{who}-{post}")])

    with ThreadPoolExecutor(2) as people:
        list(people.map(label, ("anna", "otto")))


def labels(root: Path) -> Sequence[tuple[object, ...]]:
    with open_reader(root) as reader:
        return reader.sql("SELECT client_key, value, who FROM label ORDER BY client_key").rows


def test_two_people_label_while_a_cluster_crawls_into_a_server_and_a_worker_dies(
    crawled: Crawled, server: PostgresServer
) -> None:
    here, there = crawled.root("here"), crawled.root("there")
    copy_gallery(there, server.new_database(), NO_RESERVE)
    assert crawled.crawl(here).code == 0

    with household() as house, three_nodes(house) as cluster:
        words = crawled.words(there, "--engine", "ray")
        with driver.started(words, program=REAL, environment=cluster.environment, limit_s=LIMIT_S) as child:
            wait_for_looks(there, LOOKED, child)
            house.workers()[0].kill()
            agreed = decided(there)[:12]
            label_by_two(there, agreed)
            ended = child.wait()
    label_by_two(here, agreed)

    assert ended is not None
    assert ended.code == 0, ended.output
    assert "was lost" in ended.output
    assert len(labels(there)) >= 2 * len(agreed) >= 2  # copies of a picture get its label
    assert labels(there) == labels(here)
    assert looks(there) == looks(here)
    assert digest(there) == digest(here)
