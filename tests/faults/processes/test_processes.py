"""Rows P, N01, N03, D06, X01 and U15: stopping, two at once, no site, a damaged database, and what is never done."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from commands.crawl import Parts
from commands.crawling.model_request import ModelRequest
from crawler.judge import Judge
from storage.records import Look
from tests.equipment import galleries_on
from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.checker import checker
from tests.faults.checker.evidence import Expected, has_rows, reading, tree_digest
from tests.faults.driver import PROGRAM, REPOSITORY, Child
from tests.faults.killing import command, mends_itself
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import (
    LOGGED_IN,
    Laboratory,
    assert_same_state,
    assert_well,
    own_digest,
    run_here,
)
from tests.faults.simulator.simulator import CANARY, Simulator
from tests.faults.stubs.judge import StubJudge, cards
from tests.faults.stubs.parts import hurry
from tests.speed import patient

SLOWLY = {**LOGGED_IN, "CRAWL_SCORING_IN_FLIGHT": "2"}
STOP_WITHIN_S = 10.0
STOP_AT_ONCE_WITHIN_S = 5.0  # 2 s are promised to who has the machine for himself; tests share it


@contextmanager
def working(arguments: Sequence[str], site: Simulator, *, delay_s: float = 0.4) -> Iterator[Child]:
    """A command in the middle of its work: the first picture was asked for, and each look takes so long."""
    with driver.started(arguments, environment={**SLOWLY, "STUB_DELAY": str(delay_s)}) as child:
        deadline = time.monotonic() + driver.LIMIT_S
        while not site.paths("/720x720/"):
            assert child.wait(0.02) is None, f"ended before it worked: {child.heard()}"
            assert time.monotonic() < deadline, child.heard()
        yield child


@pytest.mark.fault("P03", "P04")
@pytest.mark.parametrize(
    ("number", "code"), slow_after(1, [(signal.SIGTERM, 143), (signal.SIGINT, 130)]), ids=["P03", "P04"]
)
def test_a_stop_request_ends_the_run_in_order(number: signal.Signals, code: int, laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        with working(arguments, site) as child:
            child.send(number)
            ended = child.wait(patient(STOP_WITHIN_S))

        assert ended is not None, "still running after 10 s"
        assert ended.code == code, ended.output
        assert "Traceback" not in ended.output
        assert_well(root, laboratory.expected(posts=None, last_exit=code))
        mends_itself(root, arguments, laboratory, label=f"signal {number}")


@pytest.mark.fault("P04")
@pytest.mark.slow
def test_a_crawl_stopped_five_times_on_a_site_that_moves_each_time_ends_like_an_unbroken_one(
    laboratory: Laboratory, place: Path
) -> None:
    arguments = simulator.arguments(place / "root", place / "crawl.toml")
    for _ in range(5):
        with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
            simulator.configuration(place, site.url)
            with working(arguments, site, delay_s=0.2) as child:
                child.send(signal.SIGINT)
                stopped = child.wait(STOP_WITHIN_S)
            assert stopped is not None and stopped.code == 130, stopped
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        simulator.configuration(place, site.url)
        ended = run_here(arguments, environment=LOGGED_IN)

    assert ended.code == 0, ended.output
    assert_well(place / "root", laboratory.expected(last_exit=0))
    assert_same_state(place / "root", laboratory)


STOP_AFTER = (10, 30, 50, 70, 90)  # pictures that were decided on when a run of the demo is stopped


@contextmanager
def demo(config: Path) -> Iterator[None]:
    """A small demo gallery on a port of its own, which the settings call `gallery`."""
    process = subprocess.Popen(
        [*PROGRAM, "demo", "--posts", "120"], cwd=REPOSITORY, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().decode().split()[-1]
        config.write_text(f'[sites.gallery]\nurl = "{url}"\n[limits]\nfree_space_mb = 1\n', encoding="utf-8")
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_crawl_of_the_demo_stopped_five_times_ends_like_an_unbroken_one(place: Path) -> None:
    config, whole, broken = place / "crawl.toml", place / "whole", place / "broken"
    wanted = ["--site", "gallery", "--config", str(config), "--tag", "genshin_impact", "--keep", "mona"]
    unhurried = {"STUB_PACE": "real", "CRAWL_SCORING_IN_FLIGHT": "4"}  # the demo paints while it is asked

    def crawling(root: Path) -> AbstractContextManager[Child]:
        return driver.started([*wanted, "--root", str(root)], environment=unhurried, limit_s=600)

    with demo(config), crawling(whole) as child:
        codes = [child.wait()]
    for decided in STOP_AFTER:
        with demo(config), crawling(broken) as child:
            while _decisions(broken) < decided:
                assert child.wait(0.02) is None, child.heard()
            child.send(signal.SIGINT)
            stopped = child.wait()
        assert stopped is not None and stopped.code == 130, stopped
    with demo(config), crawling(broken) as child:
        codes.append(child.wait())

    assert [ended and ended.code for ended in codes] == [0, 0], codes
    assert run_here(["verify", "--root", str(broken)]).code == 0
    assert own_digest(broken) == own_digest(whole)


def _decisions(root: Path) -> int:
    """Pictures that were decided on so far."""
    if not has_rows(root):
        return 0
    with reading(root) as rows:
        try:
            return int(rows.execute("SELECT count(*) FROM decision").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are being made
            return 0


def test_a_run_that_ends_itself_counts_what_it_placed(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled, link = threading.Event(), os.link

    def on_a_slow_disk(*names: Any, src_dir_fd: int, dst_dir_fd: int, **how: Any) -> None:
        link(*names, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **how)
        if src_dir_fd != dst_dir_fd:  # an original got its name, in another folder than where it was received
            cancelled.wait(20)

    @contextlib.asynccontextmanager
    async def judge(request: ModelRequest) -> AsyncIterator[Judge]:
        yield EndlessLook(cards(request.targets), cancelled=cancelled)

    monkeypatch.setattr(os, "link", on_a_slow_disk)
    parts = Parts(judge, replace(hurry(), grace_s=0.0))
    challenge = {"status": 403, "body": "<html>challenge", "headers": {"cf-mitigated": "challenge"}}
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        site.misbehave([{"match": {"path": "/original/*", "nth": [3]}, "do": challenge}])

        ended = run_here([*arguments, "--json"], environment=LOGGED_IN, parts=parts)
        verified = run_here(["verify", "--root", str(root)])

    kept = json.loads(ended.stdout)["kept"]
    assert ended.code == 5 and kept > 0, ended.output
    assert len([path for path in (root / "gallery").rglob("*") if path.is_file()]) == kept
    assert verified.code == 0, verified.output
    assert_well(root, laboratory.expected(posts=None, last_exit=5))
    assert cancelled.is_set()


@dataclass(slots=True)
class EndlessLook(StubJudge):
    """Its first look never ends, and so finds out when everybody is cancelled."""

    cancelled: threading.Event = field(default_factory=threading.Event)

    async def look(self, picture: bytes) -> Look:
        if self.looks:
            return await StubJudge.look(self, picture)
        self.looks += 1
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.cancelled.set()


def test_a_second_stop_request_ends_the_run_at_once(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        with working(arguments, site, delay_s=8.0) as child:
            child.send(signal.SIGINT)
            while "stopping" not in child.heard():
                assert child.wait(0.02) is None, child.heard()
            child.send(signal.SIGINT)
            ended = child.wait(patient(STOP_AT_ONCE_WITHIN_S))

        assert ended is not None, "still running after 2 s"
        assert ended.code == 130, ended.output
        assert "Traceback" not in ended.output
        mends_itself(root, arguments, laboratory, label="two signals")


@pytest.mark.fault("P06")
def test_a_second_crawl_on_the_same_gallery_is_refused_until_the_first_is_dead(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)

        with working(arguments, site) as child:
            second = run_here(arguments, environment=LOGGED_IN)
            child.kill_group()
            child.wait()

        assert second.code == 9, second.output
        mends_itself(root, arguments, laboratory, label="a second crawl")


@pytest.mark.fault("N01")
@pytest.mark.parametrize("whole", [False, True], ids=["a fresh root", "a whole gallery"])
def test_a_site_that_is_not_there_changes_nothing(whole: bool, laboratory: Laboratory, place: Path) -> None:
    with socket.socket() as reserved:  # bound and not listening: connections are refused
        reserved.bind(("127.0.0.1", 0))
        if whole:
            galleries_on.copied(laboratory.whole, place / "root")
        config = simulator.configuration(place, f"http://127.0.0.1:{reserved.getsockname()[1]}")

        ended = run_here(simulator.arguments(place / "root", config), environment=LOGGED_IN)

    assert ended.code == 6, ended.output
    assert "127.0.0.1" in ended.stderr
    assert checker.check(place / "root", weak=True) == []
    if whole:
        assert_same_state(place / "root", laboratory)


@pytest.mark.fault("N03")
def test_a_site_whose_name_does_not_resolve_is_given_up_soon(
    laboratory: Laboratory, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def nobody_knows(*_: object, **__: object) -> object:
        nonlocal asked
        asked += 1
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)  # what a resolver says of gallery.invalid, without asking
    config = simulator.configuration(place, "https://gallery.invalid")

    ended = run_here(simulator.arguments(place / "root", config), environment=LOGGED_IN)

    assert ended.code == 6, ended.output
    assert "gallery.invalid" in ended.stderr
    assert asked < 10


def _truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _overwritten(position: int, content: bytes) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(position)
            file.write(content)

    return damage


def _another_application(path: Path) -> None:
    rows = sqlite3.connect(path)
    rows.execute("PRAGMA application_id = 7")
    rows.close()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "cut": _truncated,
    "header overwritten": _overwritten(0, b"not a database at all"),
    "a page overwritten": _overwritten(4096 * 3, b"\xff" * 4096),
    "another application's": _another_application,
}


@pytest.mark.fault("D06")
@pytest.mark.sqlite("its file is damaged")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_database_is_refused_and_left_alone(
    damage: Callable[[Path], None], laboratory: Laboratory, place: Path
) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = place / "root", simulator.arguments(place / "root", simulator.configuration(place, site.url))
        galleries_on.copied(laboratory.whole, root)
        (root / ".lock").write_text('{"state": "open"}')  # whoever had it did not end in order
        damage(root / "crawl.db")
        before = (root / "crawl.db").read_bytes(), tree_digest(root / "gallery")

        ended = run_here(arguments, environment=LOGGED_IN)

    assert ended.code == 8, ended.output
    assert "backup" in ended.stderr
    assert ((root / "crawl.db").read_bytes(), tree_digest(root / "gallery")) == before


@pytest.mark.fault("D07")
@pytest.mark.sqlite("its file is missing")
def test_a_gallery_without_its_database_is_not_begun_anew(laboratory: Laboratory, place: Path) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = place / "root", simulator.arguments(place / "root", simulator.configuration(place, site.url))
        galleries_on.copied(laboratory.whole, root)
        for path in root.glob("crawl.db*"):
            path.unlink()

        ended = run_here(arguments, environment=LOGGED_IN)

    assert ended.code == 8, ended.output
    assert not (root / "crawl.db").exists()


IMAGE = re.compile(r"(\d+_)?[0-9a-f]{32}(\.[0-9a-z]+)?\.(jpg|png|gif|webp|avif|zip|mp4|webm)")
_watching: list[tuple[str, str]] | None = None  # an audit hook cannot be taken out again; it is silenced instead


def _watch(event: str, given: tuple[object, ...]) -> None:
    if _watching is not None and event in ("os.rename", "os.remove", "os.truncate"):
        _watching.append((event, Path(str(given[0])).name))


@contextmanager
def removals() -> Iterator[list[tuple[str, str]]]:
    """Every rename, removal and truncation that Python announces during the block."""
    global _watching
    if not getattr(_watch, "installed", False):
        sys.addaudithook(_watch)
        _watch.installed = True  # type: ignore[attr-defined]  # remembered where it belongs
    seen: list[tuple[str, str]] = []
    _watching = seen
    try:
        yield seen
    finally:
        _watching = None


@pytest.mark.fault("X01")
def test_no_picture_is_ever_removed_or_moved_by_default(laboratory: Laboratory) -> None:
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, crawl = command(laboratory, site)
        there = ["--root", str(root), "--config", str(root.parent / "crawl.toml")]
        steps = (
            crawl,
            crawl,
            ["relabel", "delete", "10", *there],
            ["relabel", "keep", "20", *there],
            crawl,
            ["query", "decision:keep", "--format", "ids", *there],
            ["status", *there],
            ["verify", *there],
            [*crawl, "--dry-run"],
        )

        with removals() as seen:
            ended = [run_here(step, environment=LOGGED_IN) for step in steps]

    assert [one.code for one in ended] == [0] * len(steps), [one.output for one in ended if one.code]
    assert [name for _, name in seen if IMAGE.fullmatch(name)] == []
    assert_well(root, laboratory.expected(labels=((10, "mona", "delete"), (20, "mona", "keep"))))


@pytest.mark.fault("U15")
def test_the_key_is_nowhere_even_in_debug_output(laboratory: Laboratory) -> None:
    environment = {**LOGGED_IN, "CRAWL_DEBUG": "1"}
    texts = {}
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        for number, do in enumerate(({"status": 401}, {"status": 403}, {"status": 500}, {"body": "x"}, {})):
            site.misbehave([{"match": {"path": "/*", "after": 3}, "do": do}] if do else [])
            ended = run_here(arguments, environment=environment)
            texts[f"run {number}"] = ended.output
        texts["other hosts"] = site.asked_elsewhere()
        texts["addresses"] = "\n".join(site.paths())
        sent = [request["headers"].get("authorization") for request in site.requests if request["host"] == "127.0.0.1"]

    assert ended.code == 0, ended.output
    assert any(sent), "the key was not used at all"
    assert checker.check(root, Expected(canary=CANARY, texts=texts)) == []


@pytest.mark.fault("M20")
def test_a_setting_that_is_changed_back_changes_nothing(laboratory: Laboratory) -> None:
    distrustful = {**LOGGED_IN, "CRAWL_SCORING_TRUST_TAGS": "false"}
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        root, arguments = command(laboratory, site)
        codes = [run_here(arguments, environment=settings).code for settings in (LOGGED_IN, distrustful)]
        otherwise = checker.state_digest(root)
        fetched = len(site.paths("/720x720/"))

        codes.append(run_here(arguments, environment=LOGGED_IN).code)

    assert codes == [0, 0, 0]
    assert otherwise != laboratory.unbroken
    assert len(site.paths("/720x720/")) == fetched
    assert_well(root, laboratory.expected(last_exit=0))
    assert_same_state(root, laboratory)


@pytest.mark.fault("P16")
def test_no_step_of_a_crawl_holds_the_event_loop_up(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    worst, steps, run_step = 0.0, 0, asyncio.events.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        nonlocal worst, steps
        before = time.thread_time()  # our own work only: other programs may be busy
        run_step(handle)
        if threading.current_thread() is threading.main_thread():  # the simulator has a loop in another thread
            worst, steps = max(worst, time.thread_time() - before), steps + 1

    monkeypatch.setattr(asyncio.events.Handle, "_run", timed)
    gc.collect()
    gc.freeze()  # what five thousand tests have left in this process is not the crawl's to collect
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        _, arguments = command(laboratory, site)
        ended = run_here(arguments, environment=LOGGED_IN)
    gc.unfreeze()

    assert ended.code == 0, ended.output
    assert steps > 100
    assert worst < 0.2  # seconds
