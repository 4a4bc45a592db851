"""A folder says classes in up to three levels, and what it does not say is not made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.errors import ClassFolderError
from classifier.recognition.labelled_folder import labelled_folder
from classifier.recognition.labels import Label
from tests.classifier.tiny_models import coloured, png


def put(folder: Path, *names: str) -> Path:
    """Different pictures under these names."""
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png(coloured(number * 7 % 256, number * 13 % 256, number * 31 % 256, 16)))
    return folder


def labels(folder: Path) -> dict[str, Label]:
    found = labelled_folder(folder)
    return {picture.name: label for picture, label in zip(found.pictures, found.labels, strict=True)}


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    found = labelled_folder(put(tmp_path, "Bart Simpson/1.png", "lisa/2.png", "lisa/3.png", "Other/4.png"))
    assert found.classes == {"bart_simpson": 1, "lisa": 2, "nobody": 1}
    assert found.lines()[0].endswith("4 pictures of 3 classes (bart_simpson 1, lisa 2, nobody 1)")


def test_folders_in_a_folder_are_characters_of_a_work(tmp_path: Path) -> None:
    put(tmp_path, "kimetsu/nezuko/1.png", "kimetsu/tanjiro/sub/2.png", "miku/3.png")
    assert labels(tmp_path) == {
        "kimetsu/nezuko/1.png": Label("nezuko", "kimetsu"),
        "kimetsu/tanjiro/sub/2.png": Label("tanjiro", "kimetsu"),
        "miku/3.png": Label("miku"),
    }


@pytest.mark.parametrize("inner", [("2021", "2022"), ("best", "best"), ("", "new")])
def test_years_one_folder_or_pictures_beside_it_make_no_work(tmp_path: Path, inner: tuple[str, str]) -> None:
    put(tmp_path, f"mona/{inner[0]}/1.png", f"mona/{inner[1]}/2.png", "keqing/3.png")
    assert {label.name for label in labels(tmp_path).values()} == {"mona", "keqing"}


def test_a_style_is_read_wherever_its_folder_stands(tmp_path: Path) -> None:
    put(tmp_path, "mona/style=Cel Shaded/1.png", "style=realistic/mona/2.png", "mona/3.png", "lisa/4.png")
    assert labels(tmp_path) == {
        "mona/style=Cel Shaded/1.png": Label("mona", style="cel_shaded"),
        "style=realistic/mona/2.png": Label("mona", style="realistic"),
        "mona/3.png": Label("mona"),
        "lisa/4.png": Label("lisa"),
    }
    assert labelled_folder(tmp_path).styles == {"cel_shaded": 1, "realistic": 1}


def test_a_file_in_two_classes_is_left_out_of_both(tmp_path: Path) -> None:
    put(tmp_path, "bart/1.png", "lisa/2.png")
    (tmp_path / "lisa" / "same.png").write_bytes((tmp_path / "bart" / "1.png").read_bytes())
    found = labelled_folder(tmp_path)
    assert [(one.name, one.why) for one in found.left_out] == [
        ("bart/1.png", "in two classes"),
        ("lisa/same.png", "in two classes"),
    ]


def test_rare_classes_are_left_out_by_name(tmp_path: Path) -> None:
    found = labelled_folder(put(tmp_path, "bart/1.png", "bart/2.png", "lisa/3.png")).without_rare(2)
    assert found.classes == {"bart": 2}
    assert [(one.name, one.why) for one in found.left_out] == [("lisa/3.png", "in a class of too few pictures")]


def test_a_folder_that_cannot_be_a_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClassFolderError, match=r"'aux': 'aux' is a device on some systems; rename it"):
        labelled_folder(put(tmp_path, "aux/1.png", "lisa/2.png"))
