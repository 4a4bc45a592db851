"""The comparison of formats: its figures from what was measured, and the whole on a tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.deployment.__main__ import Side, agreement, main, table
from bench.deployment.sides import ORIGINAL
from classifier.package.package import write_package
from tests.classifier.tiny_models import make_backbone, make_head, make_parts, paintings


def side(name: str, *scores: float) -> Side:
    return Side(
        name, Path(), Path(), seconds=[0.001, 0.002, 0.003], per_s=[10, 30, 20], scores=np.array(scores)[:, None]
    )


def test_decisions_are_equal_where_both_scores_lie_on_one_side_of_the_threshold() -> None:
    share, difference = agreement(side("onnx", 0.1, 0.6, 0.9, 0.51), side(ORIGINAL, 0.1, 0.6, 0.9, 0.49), 0.5)

    assert (share, difference) == (0.75, pytest.approx(0.02))


def test_the_table_has_a_line_a_side() -> None:
    lines = table([side(ORIGINAL, 0.1), side("onnx", 0.1)], 0.5, {ORIGINAL: 2.0, "onnx": 1.0}).splitlines()

    assert lines[3].startswith("| ONNX | 2.0 | 2.9 | 20 | 1.0 |")
    assert "100.00%" in lines[3]


@pytest.mark.slow
def test_every_format_of_a_tiny_model_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_package(tmp_path / "model", make_parts(make_backbone(tmp_path / "backbone"), "mona", make_head()))
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(paintings(40)):
        picture.save(tmp_path / "pictures" / f"{number}.png")

    drawing = tmp_path / "formats.svg"
    code = main([str(tmp_path / "model"), str(tmp_path / "pictures"), "--rounds", "1", "--plot", str(drawing)])

    assert code == 0
    assert "OpenVINO IR" in capsys.readouterr().out
    assert "OpenVINO IR: " in drawing.read_text(encoding="utf-8")  # the description, for whoever does not see it
