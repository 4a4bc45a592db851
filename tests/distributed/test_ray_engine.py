"""`crawl … --engine ray` on this machine: the local engine's results, and nothing left behind."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from storage.archive import open_reader
from tests.classifier.tiny_models import make_backbone
from tests.commands.folders.places import make_root
from tests.distributed.conftest import LIMIT_S, Crawled, digest
from tests.distributed.processes import household
from tests.faults import driver
from tests.faults.kills.grounds import REAL

FEW = ("--limit", "30")  # posts: one start of Ray is what the test costs


def test_a_crawl_by_ray_ends_in_the_local_engines_state_and_leaves_nothing_behind(crawled: Crawled) -> None:
    local, far, token = crawled.root("local"), crawled.root("far"), Path.home() / ".ray" / "auth_token"
    had_token = token.exists()

    here = crawled.crawl_here(local, *FEW)
    with household() as house:
        ended = crawled.crawl(far, *FEW, "--engine", "ray", CRAWL_RAY_WORKERS="2", **house.environment)
        left, files = house.left(), list(house.folder.iterdir())

    assert (here.exit_code, ended.code) == (0, 0), ended.output
    assert digest(far) == digest(local)
    with open_reader(local) as one, open_reader(far) as other:
        query = "SELECT post_id, decision, decided_by, score FROM results ORDER BY post_id"
        assert (rows := one.sql(query).rows) == other.sql(query).rows
    assert {row[1] for row in rows} >= {"keep", "delete"}
    said = [line for line in ended.stderr.splitlines() if line]
    assert "looking at pictures by 2 workers of a Ray cluster of this machine" in said
    assert any(line.endswith("by 2 Ray workers") for line in said)
    assert not [line for line in said if "ray" in line.lower() and "Ray" not in line], "its own log stays with it"
    assert (left, files) == ([], [])
    assert token.exists() == had_token, "the token is this run's alone"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"CRAWL_RAY_ADDRESS": "127.0.0.1:1"}, "the Ray cluster 127.0.0.1:1 cannot be reached"),
        ({"CRAWL_RAY_ADDRESS": "somewhere"}, "'somewhere' is no address of a Ray cluster"),
    ],
)
def test_a_cluster_that_is_not_there_is_said_and_nothing_is_done(
    settings: dict[str, str], says: str, crawled: Crawled
) -> None:
    root = crawled.root("root")
    before = digest(root)

    ended = crawled.crawl_here(root, "--engine", "ray", **settings)

    assert ended.exit_code == 2
    assert [line for line in ended.stderr.splitlines() if says in line]
    assert "Traceback" not in ended.output
    assert digest(root) == before


@pytest.mark.parametrize(
    "words", [["--tag", "genshin_impact", "--keep", "mona"], ["classify", ".", "--keep", "mona"]], ids=" ".join
)
def test_without_ray_one_line_says_what_to_install(
    words: list[str], template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: None)

    ended = CliRunner().invoke(app, [*words, "--root", str(template), "--engine", "ray"])

    assert ended.exit_code == 2
    assert ended.stderr.splitlines() == [
        "crawl: the engine ray needs a package that is not installed: pip install 'boorusieve[ray]'"
    ]


def test_an_engine_that_nobody_knows_is_refused_with_those_that_there_are(template: Path) -> None:
    ended = CliRunner().invoke(app, ["--tag", "a", "--keep", "b", "--root", str(template), "--engine", "raye"])

    assert ended.exit_code == 2
    assert "--engine must be one of local, ray, got 'raye'; did you mean 'ray'?" in ended.stderr


@pytest.mark.slow
def test_rescoring_by_ray_looks_at_stored_pictures_again_as_the_local_engine_does(
    crawled: Crawled, tmp_path: Path
) -> None:
    root = crawled.root("root")
    assert crawled.crawl(root).code == 0
    make_root(root, make_backbone(tmp_path / "another-network", seed=2), number=2)
    far = Path(shutil.copytree(root, tmp_path / "far"))

    here = driver.run(["rescore", "mona", "--root", str(root)], program=REAL, limit_s=LIMIT_S)
    ended = driver.run(["rescore", "mona", "--root", str(far), "--engine", "ray"], program=REAL, limit_s=LIMIT_S)

    assert (here.code, ended.code) == (0, 0), ended.output
    assert "looking at pictures by" in ended.stderr and "looking at pictures by" not in here.stderr
    assert digest(far) == digest(root)
    with open_reader(root) as one, open_reader(far) as other:
        query = "SELECT post_id, decision, model, score FROM results ORDER BY post_id"
        assert one.sql(query).rows == other.sql(query).rows
        assert "mona/2" in {row[2] for row in one.sql(query).rows}


@pytest.mark.slow
def test_more_workers_than_there_is_room_for_are_refused_at_the_start(crawled: Crawled) -> None:
    many = (os.cpu_count() or 1) + 1

    with household() as house:
        words = {"CRAWL_RAY_WORKERS": str(many), **house.environment}
        ended = crawled.crawl(crawled.root("root"), "--engine", "ray", **words)
        left = house.left()

    assert ended.code == 2
    assert f"{many} Ray workers with 1 processor each need more than a Ray cluster of this machine has" in ended.stderr
    assert left == []
