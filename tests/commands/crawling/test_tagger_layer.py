"""A whole crawl with a tagger whose penultimate layer sees what tells the target, and which has no tag for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from typer.testing import CliRunner

from commands.app import app
from commands.crawl import Parts
from demo.galleries.folder import read_facts
from demo.galleries.gallery import EPOCH, GalleryPost
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site
from tests.faults.stubs.parts import hurry

SIDE, TOP = 320, 40  # pixels: pictures of 320 by 240 get borders of 40
OTHER = "fischl_(genshin_impact)"


def tagger_that_looks_into_the_corner(folder: Path) -> None:
    """A WD tagger whose penultimate layer is the mean of sixteen by sixteen pixels, and of the whole."""
    folder.mkdir()
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n0,1girl,0,1\n1,hat,0,1\n")
    edges = {"starts": [TOP, 0], "ends": [TOP + 16, 16], "axes": [1, 2]}
    nodes = [
        helper.make_node("Slice", ["input", "starts", "ends", "axes"], ["corner"]),
        helper.make_node("ReduceMean", ["corner", "axes"], ["near"], keepdims=0),
        helper.make_node("ReduceMean", ["input", "axes"], ["far"], keepdims=0),
        helper.make_node("Concat", ["near", "far"], ["hidden"], axis=1),
        helper.make_node("MatMul", ["hidden", "weights"], ["product"]),
        helper.make_node("Sigmoid", ["product"], ["prediction"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["batch", 2])],
        [
            *(numpy_helper.from_array(np.array(values, np.int64), name) for name, values in edges.items()),
            numpy_helper.from_array(np.array([[0.001, -0.001]] * 6, np.float32), "weights"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "model.onnx"))


def post(site: SmallSite, number: int, *tags: str, marked: bool) -> None:
    """Patches of any colours; the target's picture is a shade lighter in one corner than in the whole."""
    random = np.random.default_rng(number)
    colours = random.integers(40, 216, (6, 8, 3))
    colours[..., 0] += 10 if marked else 0  # what the own network sees, too
    patches = Image.fromarray(colours.astype(np.uint8)).resize((320, 240))
    pixels = np.asarray(patches, np.float64) + random.normal(0, 10, (240, 320, 3))
    pixels[:16, :16] = pixels.mean(axis=(0, 1)) + random.normal(25 if marked else -25, 10, (16, 16, 3))
    path = site.pictures / f"{number}.png"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    facts = read_facts(path)
    assert facts is not None
    site.gallery.add_file(facts.md5, facts)
    created = EPOCH + 3600 * number
    site.gallery.put(
        GalleryPost(
            id=number,
            picture=facts.md5,
            tags=tuple(sorted({SERIES, *tags})),
            updated_at=created,
            width=facts.width,
            height=facts.height,
            ext=facts.ext,
            created_at=created,
        )
    )


def crawled(site: SmallSite, *words: str) -> dict[str, Any]:
    place = ["--root", str(site.root), "--config", str(site.folder / "crawl.toml")]
    quiet = ["--quiet"] if words[0].startswith("--") else []
    ended = CliRunner().invoke(app, [*words, *place, *quiet, "--json"], prog_name="crawl", obj=Parts(pace=hurry()))
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.slow
def test_a_layer_that_helps_is_a_block_of_the_model_and_a_crawl_without_the_tagger_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_ROUND_ZERO_NETWORK", "pretrained")
    with small_site(tmp_path, monkeypatch) as site:
        settings = (tmp_path / "crawl.toml").read_text()
        tagger_that_looks_into_the_corner(tmp_path / "tagger")
        (tmp_path / "crawl.toml").write_text(f'{settings}\n[tagger]\nfolder = "{tmp_path / "tagger"}"\n')
        site.gallery.add_tag(MONA, "character")
        site.gallery.add_tag(OTHER, "character")
        site.gallery.add_alias("mona", MONA)
        for number in range(1, 261):
            marked = number % 4 == 0
            named = number % 3 != 0
            post(site, number, *([MONA if marked else OTHER] if named else []), marked=marked)

        first = crawled(site, "--tag", SERIES, "--keep", "mona", "--site", "sim")
        shown = crawled(site, "models", "show", "mona/1")
        scores = site.rows("post_id, score, decision")
        crawled(site, "rescore", "mona")
        again = site.rows("post_id, score, decision")
        (tmp_path / "crawl.toml").write_text(settings)
        for number in range(261, 265):
            post(site, number, marked=False)
        later = crawled(site, "--tag", SERIES, "--keep", "mona", "--site", "sim")

    assert shown["tagger_block"]["name"] == "tagger" and shown["tagger_block"]["count"] == 6
    unnamed = [row for row in scores if row[0] % 3 == 0]
    right = sum((decision == "keep") == (number % 4 == 0) for number, _, decision in unnamed)
    assert right > 0.9 * len(unnamed)
    assert again == scores
    assert first["listed"] == 260 and later["failed"] == 0
    assert len(site.rows("post_id")) == 264
