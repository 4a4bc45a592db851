"""`crawl models export --format` writes a model for other programs, or says in one line why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from classifier.package.package import write_package
from commands.app import app
from tests.classifier.tiny_models import make_backbone, make_head, make_parts


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with a tiny model, mona/1."""
    folder = tmp_path_factory.mktemp("exporting")
    write_package(folder / "package", make_parts(make_backbone(folder / "backbone"), "mona", make_head()))
    done = crawl("models", "import", str(folder / "package"), root=folder / "root")
    assert done.exit_code == 0, done.stderr
    return folder / "root"


def crawl(*words: str, root: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--root", str(root)], prog_name="crawl")


def test_an_export_is_checked_and_says_where_it_is(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # without trtexec

    done = crawl("models", "export", "mona/1", str(tmp_path), "--format", "tensorrt", "--json", root=root)

    said = json.loads(done.stdout)
    assert done.exit_code == 10
    assert said["folder"] == str(tmp_path / "mona-1-tensorrt")
    assert said["largest_difference"] < 0.001
    assert "NVIDIA's trtexec" in said["trouble"]
    assert "the ONNX file is written, the TensorRT engine is not" in done.stderr
    assert (tmp_path / "mona-1-tensorrt" / "model.onnx").is_file()


def test_what_is_there_is_left_alone(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mona-1-onnx").mkdir()

    done = crawl("models", "export", "mona/1", str(tmp_path), "--format", "onnx", root=root)

    assert done.exit_code == 2
    assert "mona-1-onnx exists already; nothing was written" in done.stderr.replace("\n", "")


def test_a_folder_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    done = crawl("models", "export", "mona/1", str(tmp_path / "file"), "--format", "onnx", root=root)

    assert done.exit_code == 2
    assert "is not a folder" in done.stderr.replace("\n", " ")


def test_an_unknown_format_gets_a_suggestion(root: Path, tmp_path: Path) -> None:
    done = crawl("models", "export", "mona/1", str(tmp_path), "--format", "onx", root=root)

    assert done.exit_code == 2
    assert "onnx" in done.stderr


def test_other_actions_have_no_format(root: Path) -> None:
    done = crawl("models", "show", "mona/1", "--format", "onnx", root=root)

    assert done.exit_code == 2
    assert "--format belongs to crawl models export" in done.stderr
