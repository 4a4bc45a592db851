"""The comparison of a model with its compressed forms: only pictures count that none of them has seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.compression.__main__ import main
from classifier.package.package import write_package
from tests.classifier.tiny_models import make_backbone, make_head, make_parts, paintings


@pytest.mark.slow
def test_a_tiny_model_and_its_child_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = make_backbone(tmp_path / "backbone")
    for number in ("1", "2"):
        write_package(tmp_path / "mona" / number, make_parts(tiny, "mona", make_head()))
    for number, picture in enumerate(paintings(80)):
        folder = tmp_path / "pictures" / ("mona" if number % 2 else "others")
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{number}.png")

    models = [str(tmp_path / "mona" / number) for number in ("1", "2")]
    code = main([*models, "--on", str(tmp_path / "pictures"), "--shows", "mona", "--rounds", "1"])

    printed = capsys.readouterr().out
    assert code == 0
    assert "80 pictures that no model was trained on, 40 of them show mona" in printed
    assert "mona/2, tiny: +0.0000 average precision" in printed
