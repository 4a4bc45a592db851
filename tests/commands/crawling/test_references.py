"""`crawl train NAME --references DIR`: a few pictures of the target, and what the gallery's network has looked at."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from classifier.errors import ClassFolderError
from classifier.heads.character_space import NOBODY
from classifier.heads.head_training import LearnedHead, learn_head
from classifier.heads.noisy_labels import LabelSource
from classifier.heads.training_set import HeadPlan, HeadTrainingSet
from classifier.package.package import Package, load_package
from classifier.package.references import References
from classifier.pictures.preprocessing import Pixels
from classifier.progress import unreported
from classifier.training.pipeline import Goal
from commands.context.connection import Connected
from commands.context.settings import Settings
from commands.context.threshold_goal import ThresholdGoal
from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace, load_workspace
from commands.crawling.model_request import ModelRequest
from commands.crawling.references import (
    check_references,
    head_from_references,
    references_again,
    references_for_round,
    references_seen_by,
    train_from_references,
)
from commands.crawling.round_steps import RoundSteps
from commands.crawling.second_target import head_settings
from commands.errors import UsageRefused
from rounds.examples.references import ReferencePixels
from rounds.head_round import Candidate, HeadRoundSettings, Snapshot, learn_candidate
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, RegisteredModel
from storage.records import Target
from tests.commands.measured_gallery import write_model
from tests.commands.training.test_rounds import POSTS, WIDTH
from tests.commands.training.test_rounds import crawl as run_command
from tests.crawler.crew_fakes import MONA


@pytest.fixture
def root(filled: Path, tmp_path: Path) -> Path:
    """Looked at for mona. Its network exists in name only; `RedSteps` look in its place."""
    return shutil.copytree(filled, tmp_path / "root")


class RedSteps(RoundSteps):
    """Our own steps, except that what they see in a picture is as red as the picture."""

    def look(self, pixels: ReferencePixels, package: Package) -> References:
        return pixels.looked_at(package, red)


def red(package: Package, pictures: Pixels) -> np.ndarray:
    vectors = np.random.default_rng(1).normal(size=(len(pictures), WIDTH)).astype(np.float16)
    vectors[:, 0] = pictures[..., 0].mean(axis=(1, 2)) / 40
    return vectors


def crawl(root: Path, *arguments: str, steps: RoundSteps | None = None) -> Result:
    """A command, in this process."""
    return run_command(root, *arguments, parts=steps or RedSteps())


def red_pictures(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    chance = np.random.default_rng(0)
    for number in range(count):
        pixels = chance.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        pixels[..., 0] = 200 + number
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return folder


def test_twenty_references_make_a_model_for_a_target_that_nobody_is_tagged_with(root: Path, tmp_path: Path) -> None:
    folder = red_pictures(tmp_path / "pictures", 20)

    done = crawl(root, "train", "nilou", "--references", str(folder), "--json")

    record = json.loads(done.stdout)
    assert done.exit_code == 0, done.stderr
    assert (record["model"], record["activated"], record["rescored"]) == ("nilou/1", True, POSTS)
    assert (record["metrics"]["references"], record["metrics"]["said"]["keep"]) == (20, 0)
    assert f"{folder}: 20 reference pictures" in done.stderr
    assert "20 references: from 20 pictures, characters were ranked" in done.stderr
    package = load_package(root / "models" / "nilou" / "1")
    assert package.references is not None
    assert len(package.references) == 20
    assert crawl(root, "verify").exit_code == 0


def test_more_references_than_tags_are_needed_are_learned_from_too(root: Path, tmp_path: Path) -> None:
    done = crawl(root, "train", "nilou", "--references", str(red_pictures(tmp_path / "pictures", 45)), "--json")

    assert done.exit_code == 0, done.stderr  # none is kept back to measure on, however many there are
    assert json.loads(done.stdout)["metrics"]["references"] == 45


@pytest.mark.parametrize("again", [False, True])
def test_whom_the_tags_of_others_name_is_known_to_a_head_from_references(
    root: Path, tmp_path: Path, again: bool
) -> None:
    steps = NotingSteps()
    crawl(root, "train", "nilou", "--references", str(red_pictures(tmp_path / "pictures", 20)), steps=steps)
    if again:
        crawl(root, "train", "nilou", "--how", "head", steps=steps)

    training_set = steps.learned_from[-1]
    assert training_set.characters is not None
    others = training_set.noisy_labels.label_sources == LabelSource.OTHERS
    assert len(np.unique(training_set.characters[others])) == 2  # mona and keqing
    assert (training_set.characters[~others] == NOBODY).all()  # without a tag, and the references
    assert len(steps.learned_from) == (2 if again else 1)


class NotingSteps(RedSteps):
    """Notes what heads were learned from."""

    def __init__(self) -> None:
        self.learned_from: list[HeadTrainingSet] = []

    def learn(self, snapshot: Snapshot, settings: HeadRoundSettings) -> Candidate:
        return learn_candidate(snapshot, settings, self._note)

    def _note(self, training_set: HeadTrainingSet, plan: HeadPlan) -> LearnedHead:
        self.learned_from.append(training_set)
        return learn_head(training_set, plan)


def test_the_references_take_part_in_the_next_round_too(root: Path, tmp_path: Path) -> None:
    crawl(root, "train", "nilou", "--references", str(red_pictures(tmp_path / "pictures", 20)))
    shutil.rmtree(tmp_path / "pictures")

    done = crawl(root, "train", "nilou", "--how", "head", "--json")

    assert (done.exit_code, json.loads(done.stdout)["metrics"]["references"]) == (0, 20), done.stderr
    assert load_package(root / "models" / "nilou" / "2").references is not None
    with open_reader(root) as reader:
        facts = [model.facts["references"] for model in reader.models("nilou")]
    assert facts == [str(tmp_path / "pictures")] * 2


def test_five_references_are_too_few_to_decide_and_the_posts_wait_by_score(root: Path, tmp_path: Path) -> None:
    done = crawl(root, "train", "nilou", "--references", str(red_pictures(tmp_path / "pictures", 5)))

    assert done.exit_code == 13, done.stderr  # no model that decides
    with open_reader(root) as reader:
        model = reader.active_model("nilou")
        undecided = reader.query("target:nilou decision:undecided order:p").rows
    assert model is not None
    assert "only 5 pictures of the target" in model.card.refusal
    assert len(undecided) == POSTS


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ("two", "has 2 usable pictures; at least 3 that show the target are needed"),
        ("classes", "they must lie in the folder itself: name"),
        ("words", "left out, no picture: 1 file (a.txt)"),
        ("nothing", "cannot read the folder"),
        ("copies", "left out, a copy of another one: 3 files"),
        ("broken", "left out, truncated: 3 files"),
    ],
)
def test_what_cannot_be_references_is_refused_in_one_line(root: Path, tmp_path: Path, made: str, message: str) -> None:
    folder = tmp_path / "pictures"
    if made != "nothing":
        red_pictures(folder / "mona" if made == "classes" else folder, 5 if made == "classes" else 2)
    if made == "words":
        (folder / "a.txt").write_text("no picture")
    if made == "copies":
        for name in "abc":
            shutil.copy(folder / "00.png", folder / f"{name}.png")
    if made == "broken":
        for number in range(3):
            (folder / f"{number}.png").write_bytes((folder / "00.png").read_bytes()[:200] + bytes([number]))

    done = crawl(root, "train", "nilou", "--references", str(folder))

    assert done.exit_code == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    with open_reader(root) as reader:
        assert [target.name for target in reader.targets()] == ["mona"]


@pytest.mark.parametrize("made", ["nothing", "empty", "words"])
def test_a_crawl_refuses_a_bad_folder_before_anything_else(tmp_path: Path, made: str) -> None:
    folder = tmp_path / "pictures"
    if made != "nothing":
        folder.mkdir()
    if made == "words":
        (folder / "a.txt").write_text("no picture")

    done = crawl(tmp_path / "root", "--tag", "genshin_impact", "--keep", "mona", "--references", str(folder))

    assert done.exit_code == 2
    assert ("cannot read the folder" if made == "nothing" else "has 0 usable pictures") in done.stderr
    assert not (tmp_path / "root").exists()


def test_the_network_beside_learns_from_what_the_first_model_learned_from(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = red_pictures(tmp_path / "pictures", 5)
    crawl(root, "train", "nilou", "--references", str(folder))
    red_pictures(tmp_path / "more", 6)
    shutil.copy(tmp_path / "more" / "05.png", folder)  # came later: the first model does not know it
    options: Any = SimpleNamespace(workspace=load_workspace(root, None), references=None, quiet=False)
    with open_reader(root) as reader:
        first, mona = reader.active_model("nilou"), reader.active_model("mona")

    found = asyncio.run(references_for_round(options, first))

    assert found is not None
    assert [one.name for one in found.pictures] == [f"{number:02}.png" for number in range(5)]
    assert asyncio.run(references_for_round(options, mona)) is None  # it learned from tags
    shutil.rmtree(folder)
    assert asyncio.run(references_for_round(options, first)) is None
    assert "the references of nilou cannot be looked at again" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX's")
def test_a_pipe_among_the_references_is_left_out_and_named(root: Path, tmp_path: Path) -> None:
    folder = red_pictures(tmp_path / "pictures", 20)
    os.mkfifo(folder / "pipe.png")

    done = crawl(root, "train", "nilou", "--references", str(folder))

    assert done.exit_code == 0, done.stderr
    assert "left out, a pipe, not a regular file: 1 file (pipe.png)" in done.stderr


def test_a_misspelt_name_makes_no_target_of_its_own(root: Path, tmp_path: Path) -> None:
    folder = red_pictures(tmp_path / "pictures", 5)

    done = crawl(root, "train", "keqimg", "--references", str(folder))

    assert done.exit_code == 2
    assert "did you mean 'keqing'?" in done.stderr


@pytest.mark.parametrize("more", [("--from", "x"), ("--network", "small"), ("--how", "network")])
def test_references_learn_a_head_and_nothing_else(root: Path, tmp_path: Path, more: tuple[str, str]) -> None:
    done = crawl(root, "train", "mona", "--references", str(tmp_path), *more)

    assert done.exit_code == 2
    assert "--references learns a head on a network that is there" in done.stderr


# --- in a crawl -----------------------------------------------------------------------------------------------------

NILOU = Target("nilou", "nilou_(genshin_impact)")


async def head_of(
    root: Path, folder: Path, target: Target = NILOU, *, dry_run: bool = False
) -> dict[str, RegisteredModel]:
    """The head that a crawl for this target begins with."""
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        request = ModelRequest(
            workspace=Workspace(root, "demo", Settings()),
            goal=ThresholdGoal(),
            tag="genshin_impact",
            targets=(target,),
            connected=cast(Connected, None),
            archive=archive,
            dry_run=dry_run,
            quiet=True,
        )
        return dict(await head_from_references(request, folder, RedSteps()))


async def test_a_crawl_begins_with_a_head_from_references(root: Path, tmp_path: Path) -> None:
    found = await head_of(root, red_pictures(tmp_path / "pictures", 20))

    assert found["nilou"].card.name == "nilou/1"
    with open_reader(root) as reader:
        assert [(model.card.name, model.active) for model in reader.models("nilou")] == [("nilou/1", True)]
        assert len(reader.judged("demo", NILOU)) == 0  # the crawl decides what it walks, no more


def test_a_head_that_has_decided_by_these_references_is_not_learned_again(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = red_pictures(tmp_path / "pictures", 5)
    crawl(root, "train", "nilou", "--references", str(folder))

    same = asyncio.run(head_of(root, folder))
    said = capsys.readouterr().err
    more = asyncio.run(head_of(root, red_pictures(tmp_path / "others", 6)))

    assert (same["nilou"].card.name, more["nilou"].card.name) == ("nilou/1", "nilou/2")
    assert "nilou/1 has learned from these references already" in said


async def test_a_crawl_that_was_stopped_before_it_decided_anything_does_not_learn_again(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = red_pictures(tmp_path / "pictures", 20)
    first = await head_of(root, folder)

    again = await head_of(root, folder)

    assert first["nilou"].card == again["nilou"].card
    assert "nilou/1 has learned from these references already" in capsys.readouterr().err
    (folder / "00.png").unlink()  # the folder is the whole set
    assert (await head_of(root, folder))["nilou"].card.name == "nilou/2"


async def test_a_dry_run_learns_nothing_from_references(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageRefused, match="a dry run writes nothing, so it cannot learn from references"):
        await head_of(root, red_pictures(tmp_path / "pictures", 5), dry_run=True)

    with open_reader(root) as reader:
        assert len(reader.models("nilou")) == 0


async def test_where_nothing_was_looked_at_references_are_left_to_round_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = await head_of(tmp_path / "root", red_pictures(tmp_path / "pictures", 5))

    assert (found, capsys.readouterr().err) == ({}, "")


async def test_a_model_that_has_looked_at_nothing_crawls_first_and_learns_from_references_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = write_model(tmp_path / "root")
    (tmp_path / "root" / "models").rename(tmp_path / "models")
    async with Archive.open(tmp_path / "new", ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.register_model(card, {}, activate=True)
    shutil.copytree(tmp_path / "models", tmp_path / "new" / "models", dirs_exist_ok=True)

    found = await head_of(tmp_path / "new", red_pictures(tmp_path / "pictures", 5), MONA)

    assert found == {}
    assert "the references take part after this crawl: crawl train mona --references DIR" in capsys.readouterr().err


async def test_a_round_without_a_model_learns_from_what_is_given_and_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = red_pictures(tmp_path / "pictures", 4)
    options: Any = SimpleNamespace(references=folder, quiet=False)

    found = await references_for_round(options, None)

    assert found is not None
    assert len(found.pictures) == 4
    assert f"{folder}: 4 reference pictures" in capsys.readouterr().err
    assert await references_for_round(cast(Any, SimpleNamespace(references=None, quiet=False)), None) is None


def test_a_folder_is_checked_before_a_site_is_asked(tmp_path: Path) -> None:
    check_references(None)
    check_references(red_pictures(tmp_path / "enough", 3))
    with pytest.raises(ClassFolderError, match="has 2 usable pictures"):
        check_references(red_pictures(tmp_path / "few", 2))


async def test_whom_references_show_has_to_be_said(root: Path, tmp_path: Path) -> None:
    workspace = Workspace(root, "demo", Settings())
    settings = head_settings(Goal(), workspace, decide_again=True)

    with pytest.raises(UsageRefused, match="name the target that the references show"):
        await train_from_references(TrainOptions(None), tmp_path, workspace, settings, unreported)


# --- by another network ---------------------------------------------------------------------------------------------


class RedDecoder:
    """Decodes in the tests' own process: each picture is as red as its first pixel."""

    async def decode(self, picture: bytes) -> Any:
        red = Image.open(io.BytesIO(picture)).convert("RGB").getpixel((0, 0))
        return SimpleNamespace(pixels=(np.full((8, 8, 3), red, np.uint8),), hash=7)

    async def __aenter__(self) -> RedDecoder:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


@pytest.fixture
def learned(root: Path, tmp_path: Path) -> RegisteredModel:
    """Nilou's model, from twenty pictures."""
    asyncio.run(head_of(root, red_pictures(tmp_path / "pictures", 20)))
    with open_reader(root) as reader:
        found = reader.active_model("nilou")
    assert found is not None
    return found


def test_another_network_looks_at_the_references_that_are_still_there(
    root: Path, tmp_path: Path, learned: RegisteredModel, capsys: pytest.CaptureFixture[str]
) -> None:
    known = load_package(root / "models" / "nilou" / "1").references
    assert known is not None
    snapshot: Any = SimpleNamespace(target=NILOU, references=known, reference_folder=str(learned.facts["references"]))
    (tmp_path / "pictures" / "03.png").unlink()

    found = asyncio.run(references_again(snapshot, RedDecoder()))

    assert found is not None
    assert set(found.md5s) < set(known.md5s)
    assert (len(found), found.pixels.shape, list(found.hashes)) == (19, (19, 8, 8, 3), [7] * 19)
    shutil.rmtree(tmp_path / "pictures")
    assert asyncio.run(references_again(snapshot, RedDecoder())) is None
    assert "so a new network learns without them: cannot read the folder" in capsys.readouterr().err
    snapshot.references = None
    assert asyncio.run(references_again(snapshot, RedDecoder())) is None


def test_a_target_moves_to_a_new_network_with_its_references_or_says_that_it_has_none(
    root: Path, learned: RegisteredModel, capsys: pytest.CaptureFixture[str]
) -> None:
    def seen_by(package: Package, model: RegisteredModel, before: Package) -> References | None:
        return asyncio.run(references_seen_by(package, model, before, lambda preprocessings: RedDecoder(), RedSteps()))

    mona, nilou = (load_package(root / "models" / name / "1") for name in ("mona", "nilou"))
    assert nilou.references is not None

    moved = seen_by(mona, learned, nilou)
    imported = seen_by(mona, replace(learned, facts={}), nilou)

    assert moved is not None
    assert set(moved.md5s) == set(nilou.references.md5s)
    assert moved.vectors.shape == (20, WIDTH)
    assert imported is None
    assert (
        "nilou moves to the new network without its references: the model was imported, and its pictures were not"
        in capsys.readouterr().err
    )
    assert seen_by(nilou, learned, mona) is None  # it learned from tags
