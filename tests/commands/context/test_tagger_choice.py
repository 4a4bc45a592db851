from __future__ import annotations

import importlib.util
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.context.settings import Settings, Tagger
from commands.context.tagger_choice import agreement_line, open_tagger, tagger_line, tagger_settings
from commands.crawling.summary import Summary
from crawler.tally import Tally
from storage.records import Target
from storage.rows.tagger_tags import TaggerAgreement
from tests.tiny_tagger import SIZE, Graph, wd_tagger, write_model

NOWHERE = ("--site", "http://127.0.0.1:9", "--tag", "genshin_impact", "--keep", "mona")  # nobody listens there
MONA = Target("mona", "mona_(genshin_impact)", aliases=("mona_megistus",))


def crawl(root: Path, folder: Path) -> tuple[int, str]:
    environ = {"CRAWL_TAGGER_FOLDER": str(folder), "CRAWL_ROOT": str(root)}
    done = CliRunner().invoke(app, NOWHERE, env=environ)
    return done.exit_code, done.stderr


def test_a_crawl_says_that_its_tagger_is_not_there_before_it_asks_the_site(tmp_path: Path) -> None:
    code, message = crawl(tmp_path / "root", tmp_path / "tagger")

    assert code == 10 and message.count("\n") == 1
    assert message.startswith(f"crawl: {tmp_path / 'tagger'} is no folder")
    assert not (tmp_path / "root").exists()


def test_a_crawl_without_the_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))

    code, message = crawl(tmp_path / "root", wd_tagger(tmp_path / "tagger"))

    assert code == 10 and message.count("\n") == 1 and "pip install 'boorusieve[taggers]'" in message


def test_without_a_folder_there_is_no_tagger() -> None:
    assert tagger_settings(Settings(), [MONA]) is None


def test_the_targets_tags_are_always_wanted(tmp_path: Path) -> None:
    settings = Settings(tagger=Tagger(str(wd_tagger(tmp_path)), "rgb"))

    found = tagger_settings(settings, [MONA, Target("hu_tao", "hu_tao")])

    assert found is not None and (found.folder, found.channels) == (tmp_path, "rgb")
    assert found.wanted == ("hu_tao", "mona_(genshin_impact)", "mona_megistus")


async def test_a_tagger_is_opened_for_a_first_model_where_it_has_a_tag_for_a_target_or_a_layer_to_look_at(
    tmp_path: Path,
) -> None:
    settings, shallow = (Settings(tagger=Tagger(str(wd_tagger(tmp_path / name)))) for name in ("deep", "shallow"))
    graph = Graph(channels_last=True, reverse=True, scale=20 / 255, sigmoid=True, product="Einsum")
    write_model(tmp_path / "shallow" / "model.onnx", graph)
    picture = np.full((SIZE, SIZE, 3), (0, 255, 0), np.uint8)

    async with AsyncExitStack() as stack:
        known = await open_tagger(stack, settings, [Target("hu_tao", "hu_tao"), MONA])
        tags = None if known is None else await known.tag(picture)
        layer = await open_tagger(stack, settings, [Target("hu_tao", "hu_tao")])
        unknown = await open_tagger(stack, shallow, [Target("hu_tao", "hu_tao")])
        none = await open_tagger(stack, Settings(), [MONA])

    assert tags is not None and tags.probabilities[MONA.tag] > 0.9
    assert layer is not None and layer.network
    assert (unknown, none) == (None, None)


def test_the_first_lines_say_which_targets_the_tagger_has_no_word_for() -> None:
    class Loaded:
        title, tags, checked = "wd-vit (cpu)", ("1girl", "", "mona_megistus"), "it tells red from blue"
        network = "of its penultimate layer"

    line = tagger_line(Loaded(), [MONA, Target("fischl", "fischl")])  # type: ignore[arg-type]  # what the line is made of

    assert line == "tagger wd-vit (cpu), 2 tags: it tells red from blue; it has no tag for fischl"


@pytest.mark.parametrize(
    ("found", "ends"),
    [
        (TaggerAgreement(43, 41, 310, 2), "in 41 of 43 posts tagged so and in 2 of 310 posts tagged with others only"),
        (
            TaggerAgreement(43, 3, 310, 22),
            "does not know mona, or its input is not prepared as in its training; see docs/settings.md",
        ),
        (TaggerAgreement(9, 9, 310, 0), None),
        (TaggerAgreement(43, 41, 9, 0), None),
    ],
)
def test_the_end_says_how_the_tagger_did_by_the_tags(found: TaggerAgreement, ends: str | None) -> None:
    line = agreement_line(MONA, found)

    assert line is None if ends is None else line is not None and line.endswith(ends)


def test_the_closing_table_and_object_say_how_busy_the_tagger_was() -> None:
    facts = dict.fromkeys(("run", "requests", "bytes_listing", "bytes_renditions", "bytes_originals", "exit"), 0)
    common = facts | {"site": "demo", "tag": "x", "targets": ("mona",), "tally": Tally(), "device_busy": 0.5}
    more = {"device": "cpu", "models": (), "thresholds": (), "seconds": 1.0}

    with_one = Summary(**common, **more, tagger="wd-vit (cpu)", tagger_busy=0.876)  # type: ignore[arg-type]
    without = Summary(**common, **more)  # type: ignore[arg-type]

    assert with_one.to_json()["tagger"] == "wd-vit (cpu)" and with_one.to_json()["tagger_busy"] == 0.876
    assert "tagger" not in without.to_json()
    assert ("tagger", "wd-vit (cpu), 88% busy") in with_one._rows()
