"""X08: a wrong model rejects hundreds of files, and nobody notices for a day; one command brings all of them back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard
from tests.equipment.clock import ShiftedClock
from tests.faults.checker import checker
from tests.faults.driver import CommandResult
from tests.faults.kills.grounds import Ground, painted_ground
from tests.faults.kills.scenes import files_of
from tests.faults.simulator.experiment import own_digest, run_here


def crawl(ground: Ground, *words: str, clock: ShiftedClock | None = None) -> CommandResult:
    return run_here([*words, *ground.at(ground.template)], clock=clock)


def run_json(ground: Ground, *words: str, clock: ShiftedClock | None = None) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(crawl(ground, *words, "--json", clock=clock).stdout)
    return record


async def put_a_wrong_model_in_force(ground: Ground) -> None:
    """One that rejects everything that no tag keeps."""
    models = ground.template / "models" / ground.target
    right = load_package(models / "1")
    hopeless = Head(np.zeros(right.dimension, np.float32), -20.0)
    canary = Canary(right.canaries.pictures[0], np.zeros(right.dimension, np.float32))
    backbone: BackboneFiles = replace(right.backbone)
    parts = PackageParts(target=ground.target, backbone=backbone, head=hopeless, threshold=0.5, canaries=[canary])
    facts = write_package(models / "2", parts)
    card = ModelCard(ground.target, 2, facts.hash, facts.backbone_hash, 0.5)
    async with Archive.open(ground.template, ArchiveSettings(reserve_bytes=0)) as opened:
        await opened.register_model(card, {"round": 1}, activate=True)


@pytest.mark.fault("X08")
@pytest.mark.slow
def test_everything_that_a_wrong_model_rejected_comes_back(tmp_path: Path) -> None:
    ground = painted_ground(tmp_path, posts=1800)
    before, files = own_digest(ground.template), files_of(ground.template)
    asyncio.run(put_a_wrong_model_in_force(ground))
    assert crawl(ground, "rescore", ground.target).code == 0

    held = run_json(ground, "apply")
    gone = run_json(ground, "apply", "--yes")

    assert (held["exit"], held["trashed"]) == (12, 0)
    assert gone["trashed"] == held["brakes"][0]["leaving"] >= 300
    assert crawl(ground, "models", "rollback", ground.target).code == 0
    back = run_json(ground, "trash", "restore", "--model", "mona/2", clock=ShiftedClock(days=1))
    assert (back["restored"], back["exit"]) == (gone["trashed"], 0)
    assert own_digest(ground.template) == before
    assert files_of(ground.template) == files
    assert checker.check(ground.template) == []
    assert run_json(ground, "apply")["planned"]["trash"] == 0
