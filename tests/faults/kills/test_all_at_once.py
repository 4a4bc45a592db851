"""P07: a crawl, a person at the page, and rounds from the page and by hand, all at once on one gallery."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from storage.archive import open_reader
from tests.equipment.galleries import served
from tests.equipment.roots import root_with_models
from tests.equipment.served import ServedPage, serving
from tests.faults import driver
from tests.faults.kills.grounds import DEMO_SITE, REAL, TAG, Ground, crawled, demo_site
from tests.faults.kills.labels import Acknowledged
from tests.faults.kills.scenes import half_decided, in_a_child, looked_at, verified

POSTS, LATENCY_S = 500, 0.15
ENOUGH = 250  # pictures looked at before a round begins
PAUSE_S = 0.1  # between two answers
LIMIT_S = 600.0


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A crawled gallery whose model the test takes."""
    with served(["--posts", str(POSTS)]) as url:
        yield crawled(demo_site(tmp_path_factory.mktemp("ground"), url))


@contextmanager
def slow_site(ground: Ground, folder: Path) -> Iterator[tuple[Ground, str]]:
    """The same site, but it takes its time and counts; one file at a time is asked for, and one answer a second."""
    with served(["--posts", str(POSTS), "--latency-ms", str(1000 * LATENCY_S), "--tests"]) as url:
        settings = ground.config.read_text().replace(
            "[limits]\n", "[limits]\nfiles_at_once = 1\napi_per_second = 1.0\n"
        )
        lines = [f'url = "{url}"' if line.startswith("url") else line for line in settings.splitlines()]
        (folder / "slow.toml").write_text("\n".join(lines))
        yield replace(ground, config=folder / "slow.toml", template=folder / "root"), url


@pytest.mark.fault("P07")
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_crawl_answers_and_rounds_at_once_lose_nothing(ground: Ground, tmp_path: Path) -> None:
    root_with_models(ground.template, tmp_path / "root")
    saved: list[tuple[int, str]] = []
    with ExitStack() as stack:
        there, url = stack.enter_context(slow_site(ground, tmp_path))
        words = ["--site", DEMO_SITE, "--tag", TAG, "--keep", there.target, "--quiet", *there.at(there.template)]
        crawl = stack.enter_context(driver.started(words, program=REAL, limit_s=LIMIT_S))
        page = stack.enter_context(serving(there.template))
        assert answer_until(page, there.target, ENOUGH, crawl, saved) is None, "the crawl is too short for this"
        assert page.post("/api/rounds", {"target": there.target})[0] == 202
        by_hand = ["train", there.target, "--how", "head", "--quiet", *there.at(there.template)]
        train = stack.enter_context(driver.started(by_hand, program=REAL, limit_s=LIMIT_S))
        ended = [answer_until(page, there.target, 2 * POSTS, crawl, saved), train.wait()]
        round_ = the_end_of_the_round(page)
        log = requests(url)

    assert [one and one.code for one in ended] == [0, 0], [one and one.output for one in ended]
    assert round_["state"] == "done", round_
    assert len(saved) > 50
    assert looked_at(there.template, acknowledged(there, saved)) == []
    assert in_a_child(["rescore", there.target, *there.at(there.template)], {}).code == 0
    assert verified(in_a_child, there, there.template) + half_decided(there, there.template) == []
    assert_polite(log)


def answer_until(
    page: ServedPage, target: str, pictures: int, crawl: driver.Child, saved: list[tuple[int, str]]
) -> driver.CommandResult | None:
    """Answer whatever comes in, until so many pictures are there (None) or the crawl has ended."""
    done = {picture for picture, _ in saved}
    while (ended := crawl.wait(PAUSE_S)) is None:
        if target not in page.get("/api/start")["targets"]:
            continue  # the crawl has not got so far
        ids = page.get(f"/api/targets/{target}/list")["ids"]
        picture = next((one for one in ids if one not in done), None)
        if picture is not None:
            value = ("keep", "delete", "unsure")[picture % 3]
            key = f"key-{picture:08d}"
            body = {"answers": [{"id": picture, "value": value, "key": key, "seen": 0}]}
            status, reply = page.post(f"/api/targets/{target}/answers", body)
            assert status == 200, reply
            done.add(picture)
            saved.append((picture, value))
        if len(ids) >= pictures:
            return None
    return ended


def the_end_of_the_round(page: ServedPage) -> dict[str, Any]:
    """The state of the page's round when it is over."""
    deadline = time.monotonic() + LIMIT_S
    while (state := page.get("/api/rounds"))["state"] == "running":
        assert time.monotonic() < deadline, state
        time.sleep(0.2)
    ended: dict[str, Any] = state
    return ended


def acknowledged(there: Ground, saved: Sequence[tuple[int, str]]) -> list[Acknowledged]:
    """Answers as the checker knows them: by post."""
    with open_reader(there.template) as reader:
        rows = reader.sql("SELECT v.id, p.post_id FROM file_version v JOIN post p ON p.key = v.post_key").rows
    posts = {int(version): int(post) for version, post in rows}
    return [(posts[picture], there.target, value) for picture, value in saved]


def requests(url: str) -> list[dict[str, Any]]:
    """What the site was asked for."""
    with urllib.request.urlopen(f"{url}/demo/requests.json", timeout=20) as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())
    return found


def assert_polite(log: Sequence[dict[str, Any]]) -> None:
    """One file at a time, and an answer a second on average after the first few."""
    is_api = [".json" in one["target"].partition("?")[0] for one in log]
    files = [one["time"] for one, api in zip(log, is_api, strict=True) if not api]
    answers = [one["time"] for one, api in zip(log, is_api, strict=True) if api]
    assert len(files) > ENOUGH
    assert min(later - earlier for earlier, later in pairwise(files)) > 0.8 * LATENCY_S
    assert len(answers) <= 5 + (answers[-1] - answers[0])
