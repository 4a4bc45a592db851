"""`crawl evaluate --on` with real processes and a real, tiny network: what a crawl looks with."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from classifier.head import Calibration, Head
from classifier.package.package import write_package
from classifier.pictures.preprocessing import Preprocessing, picture_array
from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard
from tests.classifier.tiny_models import SIZE, TinyBackbone, coloured, make_backbone, make_parts, png

REPOSITORY = Path(__file__).parents[2]
TYPED = """
import json, sys
from typer.testing import CliRunner
from commands.app import app
done = CliRunner().invoke(app, sys.argv[1:])
heavy = sorted({name.partition('.')[0] for name in sys.modules} & {'tensorflow', 'keras'})
print(json.dumps({'code': done.exit_code, 'out': done.stdout, 'err': done.stderr, 'heavy': heavy}))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


def pictures(red: bool, count: int) -> list[bytes]:
    random = np.random.default_rng(int(red))
    return [
        png(coloured(*(int(value) for value in (random.integers(180, 256) if red else 20, 60, 20 if red else 200))))
        for _ in range(count)
    ]


def red_head(tiny: TinyBackbone) -> Head:
    """The direction in which red pictures lie from blue ones."""
    seen = [
        tiny.embed(np.stack([picture_array(one, Preprocessing(SIZE)) for one in pictures(red, 6)]))
        for red in (True, False)
    ]
    middle = [found.mean(axis=0) for found in seen]
    weights = middle[0] - middle[1]
    return Head(weights.astype(np.float32), float(-weights @ (middle[0] + middle[1]) / 2), Calibration(1.0, 0.0))


@pytest.fixture(scope="module")
def root(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model for a target that was never crawled."""
    folder = tmp_path_factory.mktemp("folder") / "root"

    async def register() -> None:
        facts = write_package(folder / "models" / "mona" / "1", make_parts(tiny, "mona", red_head(tiny), threshold=0.5))
        card = ModelCard("mona", 1, facts.hash, facts.backbone_hash, 0.5)
        async with Archive.open(folder, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.register_model(card, {"round": 0, "tag": "mona_(genshin_impact)"}, activate=True)

    asyncio.run(register())
    return folder


def test_a_folder_is_looked_at_as_a_crawl_looks_and_no_network_library_is_loaded(root: Path, tmp_path: Path) -> None:
    for name, red in (("mona", True), ("other", False)):
        (tmp_path / name).mkdir()
        for number, content in enumerate(pictures(red, 8)):
            (tmp_path / name / f"{number}.png").write_bytes(content)
    (tmp_path / "mona" / "torn.png").write_bytes(pictures(True, 1)[0][:60])
    words = ["evaluate", "mona", "--on", str(tmp_path), "--json", "--root", str(root)]

    done = subprocess.run([sys.executable, "-c", TYPED, *words], capture_output=True, text=True, cwd=REPOSITORY)

    answer = json.loads(done.stdout)
    assert answer["code"] == 0, answer["err"]
    assert answer["heavy"] == []
    record = json.loads(answer["out"])
    assert record["quality"]["examples"] == 16
    assert record["confusion"] == {"kept_right": 8, "kept_wrong": 0, "missed": 0, "rejected_right": 8}
    assert any("1 file (mona/torn.png)" in note for note in record["notes"])
    assert "folder's own share" in record["prevalence_source"]


def test_a_model_that_never_looked_at_the_gallery_is_measured_on_a_folder_only(root: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", "mona_(genshin_impact)", "--root", str(root)])

    assert done.exit_code == 2
    assert "--on DIR" in done.stderr
