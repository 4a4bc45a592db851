"""A second target on a gallery that was looked at for another: a head on stored embeddings, nothing else touched."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from classifier.package.package import load_package
from commands.context.connection import Connected
from commands.context.settings import Settings
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.crawling.model_request import ModelRequest
from commands.crawling.second_target import Learn, second_heads
from rounds.head_round import Candidate, HeadRoundSettings, Snapshot
from rounds.second_target import second_candidate
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from storage.records import Target
from tests.commands.training.test_rounds import POSTS, crawl

KEQING = "keqing_(genshin_impact)"


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    """Looked at for mona; no picture is stored, so nothing could be decoded."""
    return shutil.copytree(filled, tmp_path / "root")


def test_a_second_target_gets_a_head_on_the_first_ones_network_and_decides_every_post(root: Path) -> None:
    done = crawl(root, "train", "keqing", "--json")

    record = json.loads(done.stdout)
    assert done.exit_code == record["exit"] == 0
    assert (record["model"], record["activated"], record["rescored"]) == ("keqing/1", True, POSTS)
    assert "mona/1's network, which has looked at 240 pictures" in done.stderr
    mona, keqing = (load_package(root / "models" / name / "1") for name in ("mona", "keqing"))
    assert keqing.backbone_hash == mona.backbone_hash
    assert keqing.snapshot["parent"] is None
    np.testing.assert_allclose(keqing.canaries.scores, keqing.head.probabilities(keqing.canaries.embeddings))


def test_a_second_target_is_known_from_then_on_and_a_round_goes_on_with_it(root: Path) -> None:
    crawl(root, "train", "keqing")

    again = crawl(root, "train", "keqing", "--json")

    with open_reader(root) as reader:
        assert [(target.name, target.tag) for target in reader.targets()] == [
            ("keqing", KEQING),
            ("mona", "mona_(genshin_impact)"),
        ]
        kept = reader.query("decision:keep target:keqing").rows
    assert json.loads(again.stdout)["metrics"]["compared"]["old"] == "keqing/1"
    assert len(kept) > POSTS / 2  # all that are tagged, and most of the others that are hers
    assert crawl(root, "verify").exit_code == 0


def test_labels_that_were_given_before_hold_and_teach(root: Path) -> None:
    crawl(root, "train", "keqing")
    with open_reader(root) as reader:
        before = reader.query("decision:keep target:keqing order:id").mappings()
        wrong = [str(next(before)["post_id"])]
    crawl(root, "relabel", "delete", *wrong, "--keep", "keqing")

    done = crawl(root, "train", "keqing", "--json")

    assert json.loads(done.stdout)["metrics"]["said"]["delete"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("keqng",), "target 'keqng' is not known; did you mean 'keqing'?"),
        (("zzz",), "target 'zzz' is not known; no post of the gallery is tagged so"),
        (("keqing", "--how", "network"), "keqing has no model yet: crawl train keqing learns a head on mona/1's"),
        (("1girl",), "target '1girl' is not known"),
    ],
)
def test_a_second_target_that_cannot_be_meant_is_refused_in_one_line(
    root: Path, words: tuple[str, ...], message: str
) -> None:
    done = crawl(root, "train", *words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


async def heads_for(root: Path, *targets: Target, learn: Learn | None = None) -> list[str]:
    """What a crawl for these targets, which have no model, finds in the gallery."""
    where = Workspace(root, "demo", Settings())
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        request = ModelRequest(
            where, ThresholdGoal(), "genshin_impact", targets, cast(Connected, None), archive, False, True
        )
        return [model.card.name for model in (await second_heads(request, targets, learn)).values()]


async def test_a_crawl_for_a_second_target_begins_with_a_head_and_asks_no_site(root: Path) -> None:
    found = await heads_for(root, Target("keqing", KEQING))

    assert found == ["keqing/1"]
    with open_reader(root) as reader:
        assert len(reader.judged("demo", Target("keqing", KEQING))) == 0  # the crawl decides what it walks, no more


async def test_a_crawl_for_a_target_that_hardly_any_post_is_tagged_with_learns_it_from_the_site(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await heads_for(root, Target("ganyu", "ganyu_(genshin_impact)"))

    assert found == []
    message = capsys.readouterr().err
    assert "ganyu is learned from the site's tags: 0 posts" in message
    assert message.count("\n") == 1


async def test_a_crawl_learns_from_the_site_where_the_head_may_not_decide(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def learn(snapshot: Snapshot, settings: HeadRoundSettings) -> Candidate:
        candidate = second_candidate(snapshot, settings)
        return replace(candidate, learned=replace(candidate.learned, refusal="too little"))

    found = await heads_for(root, Target("keqing", KEQING), learn=learn)

    assert found == []
    assert "keqing is learned from the site's tags: a head on mona/1's network" in capsys.readouterr().err
