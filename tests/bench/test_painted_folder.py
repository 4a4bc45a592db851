"""The folder of painted pictures has one folder a character, each picture painted once."""

from __future__ import annotations

from pathlib import Path

from bench.samples.painted_folder import paint
from demo.galleries.painted import PaintedPlan


def test_pictures_lie_in_the_folder_of_the_one_character_that_they_show(tmp_path: Path) -> None:
    counts = paint(tmp_path, PaintedPlan(posts=6, seed=7), "genshin_impact")

    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(counts.values()) == len(files) > 0
    assert {path.parent.name for path in files} == set(counts)
