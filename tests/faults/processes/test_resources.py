"""Rows F03, F10 and F20: little room, few descriptors, a slow disk."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy.engine.default import DefaultDialect

from tests.equipment.parameters import slow_after
from tests.faults import driver
from tests.faults.killing import mends_itself
from tests.faults.simulator import simulator
from tests.faults.simulator.experiment import LOGGED_IN, Laboratory, assert_same_state, assert_well, run_here

RESERVE_MB = 50


class Room(NamedTuple):
    """What `shutil.disk_usage` says."""

    total: int
    used: int
    free: int


@pytest.mark.fault("F03")
@pytest.mark.parametrize("looks", [0, 3, 6], ids=lambda looks: f"after {looks} looks")
def test_a_run_stops_before_the_disk_is_full(
    laboratory: Laboratory, place: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    """Another program fills the disk meanwhile; what is left is enough to commit and to clean up."""
    root, calls = laboratory.empty(place), 0

    def usage(_path: object) -> Room:
        nonlocal calls
        calls += 1
        free = 2 * RESERVE_MB if calls <= looks else RESERVE_MB - 1
        return Room(10**9, 0, free * 1024 * 1024)

    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", usage)

            ended = run_here(arguments, environment={**LOGGED_IN, "CRAWL_LIMITS_FREE_SPACE_MB": str(RESERVE_MB)})

        assert ended.code == 7, ended.output
        assert f"{root}: " in ended.stderr and "MB are free there, less than the reserve" in ended.stderr
        assert "Traceback" not in ended.output
        assert list((root / "staging").iterdir()) == []
        assert calls >= looks
        mends_itself(root, arguments, laboratory, label=f"little room after {looks} looks")


@pytest.mark.fault("F10")
@pytest.mark.parametrize("descriptors", slow_after(1, [24, 40, 64]))
def test_few_descriptors_are_enough_or_refused(laboratory: Laboratory, place: Path, descriptors: int) -> None:
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed")
    root = laboratory.empty(place)
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))

        ended = driver.run(arguments, before=["prlimit", f"--nofile={descriptors}"], environment=LOGGED_IN)

        assert ended.code == 0 or descriptors < 64, ended.output
        assert ended.code in (0, 2, 3, 6, 7, 10), ended.output
        assert "Traceback" not in ended.output
        mends_itself(root, arguments, laboratory, label=f"{descriptors} descriptors")


@pytest.mark.fault("F20")
def test_nothing_waits_for_the_disk_in_the_event_loop(
    laboratory: Laboratory, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However slow a flush is, the loop never stands still: flushes and commits are made by other threads."""
    flushed, waited_for = 0, []

    def watched(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watching(*given: Any, **more: Any) -> Any:
            nonlocal flushed
            flushed += 1
            if asyncio._get_running_loop() is not None:
                waited_for.append(name)
            return call(*given, **more)

        return watching

    root = laboratory.empty(place)
    with simulator.simulator(laboratory.gallery(), laboratory.cache) as site:
        arguments = simulator.arguments(root, simulator.configuration(place, site.url))
        with monkeypatch.context() as patch:
            for name in ("fsync", "replace", "link", "unlink", "mkdir"):
                patch.setattr(os, name, watched(getattr(os, name), name))
            patch.setattr(DefaultDialect, "do_commit", watched(DefaultDialect.do_commit, "commit"))

            ended = run_here(arguments, environment=LOGGED_IN)

    assert ended.code == 0, ended.output
    assert flushed > 40
    assert waited_for == []
    assert_well(root, laboratory.expected(last_exit=0))
    assert_same_state(root, laboratory)
