"""`crawl networks`, settings of networks on the command line and in `crawl.toml`, and stages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from classifier.backbones.catalogue import BACKBONES
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.settings import facts_of
from commands.app import app
from commands.context.network_choice import chosen_recipe
from commands.context.settings import StageEntry, load_settings, load_stages
from commands.errors import SettingsError
from tests.commands.test_train import pictures

STAGE = '[[train.stages]]\nname = "{name}"\npositive = "1girl"\nnegative_folder = "boys"\n'


def crawl(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "180"})


def test_every_network_is_listed_with_parameters_input_weights_and_licence() -> None:
    done = crawl("networks", "--json")

    networks = {one["network"]: one for one in json.loads(done.stdout)["networks"]}
    assert networks.keys() == BACKBONES.keys() | RECIPES.keys()
    assert all(one["parameters"] > 1e5 and one["input"] >= 32 for one in networks.values())
    assert all(one["weights"] and one["licence"] and one["summary"] for one in networks.values())
    assert networks["mona_cnn"]["parameters"] == 44_026_582


def test_people_see_them_as_a_table() -> None:
    done = crawl("networks")

    assert done.exit_code == 0
    assert all(name in done.stdout for name in (*BACKBONES, *RECIPES))
    assert "44.0 M" in done.stdout


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_network_is_shown_with_its_default(name: str) -> None:
    shown = crawl("networks", "show", name)
    listed = json.loads(crawl("networks", "show", name, "--json").stdout)["settings"]

    words = " ".join(shown.stdout.split())
    assert all(
        f"{one.name} {str(one.default).lower()} ({one.allowed})" in words for one in facts_of(RECIPES[name].settings)
    )
    assert [one["name"] for one in listed] == [one.name for one in facts_of(RECIPES[name].settings)]
    assert all(one["value"] == one["default"] for one in listed)


def test_what_the_settings_file_changes_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "crawl.toml"
    file.write_text("[networks.mona_cnn]\npadding = 'same'\nsize = 128\n")

    shown = crawl("networks", "show", "mona_cnn", "--config", str(file))

    assert "crawl.toml sets size = 128" in shown.stdout
    assert "128×128" in shown.stdout


def test_words_beat_the_settings_file_which_beats_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "crawl.toml"
    file.write_text("[networks.mona_cnn]\npadding = 'same'\nsize = 128\nepochs = 3\n")

    choice = chosen_recipe("mona_cnn", ["epochs=4"], load_settings(file, {}))

    assert choice.recipe is not None
    assert (choice.recipe.size, choice.recipe.epochs, choice.recipe.batch) == (128, 4, 32)
    assert choice.preprocessing.size == 128


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[networks.mona_cn]\n", "'mona_cn' is no network with settings; did you mean 'mona_cnn'?"),
        (
            "[networks.mona_cnn]\nepoch = 3\n",
            "networks.mona_cnn: 'epoch' is no setting of this network; did you mean 'epochs'?",
        ),
        ("[networks.mona_cnn]\nepochs = 0\n", "epochs must lie within 1..10000, got 0"),
        ("[networks.mona_cnn]\nsize = 128\n", "take padding=same, or size=382 or more"),
        ("networks = 3\n", "must be tables like [networks.mona_cnn]"),
        ("[networks]\nmona_cnn = 3\n", "must be tables like [networks.mona_cnn]"),
        ("[train]\nstages = 3\n", "must be tables like [[train.stages]]"),
        ("[train]\nstage = 3\n", "train.stage is not a known setting; did you mean 'stages'?"),
        (STAGE.format(name="a/b"), "stage 1 needs a name of letters, digits and blanks"),
        (STAGE.format(name="a") * 2, "two stages are called a"),
        ('[[train.stages]]\nname = "a"\npositive = "1girl"\n', "stage a needs one of negative and negative_folder"),
        (STAGE.format(name="a") + 'positive_folder = "girls"\n', "needs one of positive and positive_folder"),
        (STAGE.format(name="a") + "at_most = 3\n", "must lie within 20..100000, got 3"),
        (STAGE.format(name="a") + "positives = 'x'\n", "did you mean 'positive'?"),
    ],
)
def test_impossible_tables_are_refused_with_code_2(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "crawl.toml"
    file.write_text(text)

    done = crawl("networks", "--config", str(file))

    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_stages_are_read_from_a_file_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "stages.toml"
    file.write_text(STAGE.format(name="sex"))

    stages = load_stages(file)

    assert stages == (StageEntry("sex", positive="1girl", negative_folder=stages[0].negative_folder),)
    assert stages[0].negative_folder.endswith("boys")
    file.write_text("root = 'x'\n")
    with pytest.raises(SettingsError, match="'root' is not known here"):
        load_stages(file)
    file.write_text("")
    with pytest.raises(SettingsError, match="holds no stage"):
        load_stages(file)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--network", "mona_cnn"), "mona_cnn learns from your own pictures: add --from DIR"),
        (("--network", "mona_cn"), "--network 'mona_cn' is not known; did you mean 'mona_cnn'?"),
        (("--set", "epochs=3"), "--set and --stages are for networks with settings: add --network mona_cnn|"),
        (("--from", "pictures", "--network", "small", "--set", "epochs=3"), "--set and --stages are for networks"),
        (("--from", "pictures", "--network", "mona_cnn", "--set", "epoch=3"), "did you mean 'epochs'?"),
        (("--from", "pictures", "--network", "mona_cnn", "--set", "size=64"), "take padding=same, or size=382"),
        (("--from", "pictures", "--network", "mona_cnn", "--stages", "nowhere"), "cannot read the configuration"),
        (("--from", "pictures", "--network", "mona_cnn", "--stages", "search.toml"), "searches the gallery, and"),
        (("--from", "pictures", "--network", "mona_cnn", "--stages", "folders.toml"), "stage sex: there is no folder"),
        (("--from", "pictures", "--network", "mona_cnn", "--how", "head"), "--how head"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_made(
    words: tuple[str, ...], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(tmp_path / "pictures", mona=40, keqing=70)
    (tmp_path / "search.toml").write_text(STAGE.format(name="sex"))
    (tmp_path / "folders.toml").write_text(STAGE.format(name="sex").replace("positive", "positive_folder"))
    monkeypatch.chdir(tmp_path)

    done = crawl("train", "mona", *words, "--root", str(tmp_path / "root"))

    assert done.exit_code == 2, done.stderr
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "root").exists()
