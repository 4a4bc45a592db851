"""X09 and X10: sorting a folder, and taking that back, killed at random moments by SIGKILL to all processes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.classifier.tiny_models import make_backbone
from tests.commands.folders.places import Downloads, make_root
from tests.faults.kills.sorted_folder import SortedFolder, moments

SEED = 20261130


@pytest.mark.fault("X09", "X10")
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_kill_at_any_moment_loses_no_file_and_everything_goes_back(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root", make_backbone(tmp_path))
    downloads = Downloads(root, tmp_path, red=60, blue=60)
    folder, dice = SortedFolder(downloads.pictures, root, "mona", tmp_path / "sorted"), Random(SEED)
    whole = folder.whole()

    struck = [folder.struck(moment, dice) for moment in moments(6, whole, dice)]

    assert [troubles for _, troubles in struck] == [[]] * 6
    assert any(killed for killed, _ in struck)
