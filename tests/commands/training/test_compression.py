"""`crawl models compress` says in one line what cannot be compressed, and why."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from classifier.package.package import write_package
from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard
from tests.classifier.tiny_models import make_backbone, make_head, make_parts


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery without pictures: a model mona/1, one of eight bits, lisa/1, and a recogniser, family/1."""
    folder = tmp_path_factory.mktemp("compressing")
    tiny = make_backbone(folder / "backbone")
    light = replace(tiny.files, keras=None, name="tiny-int8")
    write_package(folder / "mona", make_parts(tiny, "mona", make_head()))
    write_package(folder / "lisa", make_parts(tiny, "lisa", make_head(), backbone=light))
    for name in ("mona", "lisa"):
        done = crawl("models", "import", str(folder / name), root=folder / "root")
        assert done.exit_code == 0, done.stderr
    asyncio.run(_with_recogniser(folder / "root"))
    return folder / "root"


async def _with_recogniser(root: Path) -> None:
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        card = ModelCard("family", 1, "0" * 64, "1" * 64, 0.5)
        await archive.register_model(card, {"kind": "recogniser", "classes": ["bart", "lisa"]}, activate=True)


def crawl(*words: str, root: Path) -> Result:
    return CliRunner().invoke(app, [*words, "--root", str(root)], prog_name="crawl")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("mona/1",), "crawl models compress needs a way: --how int8|distil|prune"),
        (("mona/1", "--how", "distill"), "did you mean 'distil'?"),
        (("mona/9", "--how", "int8"), "registered: "),
        (("mona/1", "--how", "distil", "--set", "netwrk=small"), "did you mean 'network'?"),
        (("mona/1", "--how", "distil", "--set", "network=smal"), "did you mean 'small'?"),
        (("mona/1", "--how", "prune", "--set", "parameters=2"), "parameters must lie within 0.05..0.99"),
        (("mona/1", "--how", "int8", "--set", "mode"), "expected KEY=VALUE"),
        (("family/1", "--how", "int8"), "family/1 is a recogniser of many classes"),
        (("mona/1", "--how", "prune"), "has no stored picture that mona/1's network has looked at"),
    ],
    ids=["no way", "way", "model", "key", "choice", "range", "no value", "recogniser", "no pictures"],
)
def test_what_cannot_be_compressed_is_refused_in_one_line(words: tuple[str, ...], why: str, root: Path) -> None:
    done = crawl("models", "compress", *words, root=root)

    assert done.exit_code == 2
    assert why in " ".join(done.stderr.split())


def test_the_refusal_is_json_where_that_is_asked_for(root: Path) -> None:
    done = crawl("models", "compress", "mona/1", "--how", "prune", "--json", root=root)

    said = json.loads(done.stdout)
    assert (said["exit"], done.exit_code) == (2, 2)
    assert "has no stored picture" in said["error"]


def test_other_actions_have_no_way(root: Path) -> None:
    done = crawl("models", "show", "mona/1", "--how", "int8", root=root)

    assert done.exit_code == 2
    assert "--how and --set belong to crawl models compress" in " ".join(done.stderr.split())


@pytest.mark.parametrize("form", ["keras", "saved_model", "onnx", "openvino", "tensorrt"])
def test_an_int8_model_leaves_as_a_package_or_for_litert_alone(form: str, root: Path, tmp_path: Path) -> None:
    taken = crawl("models", "export", "lisa/1", str(tmp_path), root=root)
    refused = crawl("models", "export", "lisa/1", str(tmp_path), "--format", form, root=root)

    assert taken.exit_code == 0
    assert refused.exit_code == 2
    said = " ".join(refused.stderr.split())
    assert "lisa/1 is an int8 model, which LiteRT alone runs: --format package or litert" in said
    assert f"can be had as {form}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["lisa-1"]
