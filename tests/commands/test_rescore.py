"""`crawl rescore` finishes what a stopped round left: the targets that had yet to follow to the new network."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from rounds.target_state import target_state_in
from tests.commands.training.test_rounds import crawl
from tests.rounds.test_followers import in_force, two_targets


def test_rescoring_lets_the_targets_follow_that_a_stopped_round_did_not_come_to(tmp_path: Path) -> None:
    root = tmp_path / "root"
    mona, _ = asyncio.run(two_targets(root, "sharp"))

    left = target_state_in(root, "mona").since("mona/1")
    done = crawl(root, "rescore", "mona", "--json")
    again = crawl(root, "rescore", "mona")

    assert "lisa not moved to its network yet: crawl rescore mona finishes" in left
    assert json.loads(done.stdout)["followed"] == [{"model": "lisa/2", "activated": True}]
    assert "lisa/2 is in force, on the same network" in done.stderr
    assert in_force(root, "lisa").backbone_hash == mona.backbone_hash
    assert (again.exit_code, in_force(root, "lisa").name) == (0, "lisa/2")
    assert "follow" not in again.stderr


def test_a_target_that_was_asked_and_stays_is_not_asked_at_every_rescoring(tmp_path: Path) -> None:
    root = tmp_path / "root"
    asyncio.run(two_targets(root, "blind"))

    first, second = crawl(root, "rescore", "mona"), crawl(root, "rescore", "mona")

    assert "lisa/2, on the same network, would be worse than the one in force" in first.stderr
    assert (second.exit_code, in_force(root, "lisa").name) == (0, "lisa/1")
    assert "follow" not in second.stderr


def test_a_round_of_the_head_alone_in_between_does_not_make_that_forgotten(tmp_path: Path) -> None:
    root = tmp_path / "root"
    asyncio.run(two_targets(root, "sharp"))

    assert crawl(root, "train", "mona", "--how", "head", "--quiet").exit_code == 0
    done = crawl(root, "rescore", "mona")

    assert in_force(root, "mona").name == "mona/3"
    assert "lisa/2 is in force, on the same network" in done.stderr


def test_another_threshold_makes_nobody_follow(tmp_path: Path) -> None:
    asyncio.run(two_targets(tmp_path / "root", "sharp"))

    crawl(tmp_path / "root", "rescore", "mona", "--threshold", "0.5")

    assert in_force(tmp_path / "root", "lisa").name == "lisa/1"
