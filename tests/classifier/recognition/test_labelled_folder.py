"""A folder says classes in up to three levels, and what it does not say is not made up."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from classifier.errors import ClassFolderError
from classifier.pictures.class_folders import LeftOut
from classifier.pictures.hand_labels import NO_LABEL, HandLabels
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


def test_a_folder_without_one_picture_is_said_to_have_none(tmp_path: Path) -> None:
    (tmp_path / "mona").mkdir()
    (tmp_path / "mona" / "1.png").write_text("no picture")
    assert labelled_folder(tmp_path).lines()[0].endswith("0 pictures of 0 classes")


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


def by_hand(folder: Path, said: dict[str, str], *, alone: bool = False) -> HandLabels:
    rows = [(name, hashlib.md5((folder / name).read_bytes()).hexdigest(), label) for name, label in said.items()]
    return HandLabels.of(folder.with_name("x.labels.csv"), rows, alone=alone)


def test_labels_by_hand_beat_folders_and_make_a_flat_folder_one_of_classes(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "2.png", "mona/3.png", "mona/4.png", "mona/style=old/5.png")
    said = by_hand(tmp_path, {"1.png": "game/keqing", "mona/3.png": "nobody", "mona/style=old/5.png": "lisa"})

    found = labelled_folder(tmp_path, by_hand=said)

    assert {one.name: label for one, label in zip(found.pictures, found.labels, strict=True)} == {
        "1.png": Label("keqing", "game"),
        "mona/3.png": Label("nobody"),
        "mona/4.png": Label("mona"),
        "mona/style=old/5.png": Label("lisa", style="old"),
    }
    assert found.classes == {"game/keqing": 1, "lisa": 1, "mona": 1, "nobody": 1}
    assert found.left_out == (LeftOut("2.png", NO_LABEL),)
    assert any("labels of" in line and "3 pictures; --from" in line for line in found.lines())


def test_a_table_alone_makes_folders_say_nothing(tmp_path: Path) -> None:
    put(tmp_path, "2021/1.png", "2022/2.png", "2022/3.png")
    found = labelled_folder(tmp_path, by_hand=by_hand(tmp_path, {"2021/1.png": "a", "2022/3.png": "b"}, alone=True))
    assert (found.classes, [one.name for one in found.left_out]) == ({"a": 1, "b": 1}, ["2022/2.png"])


def test_a_picture_that_was_moved_keeps_its_label_and_one_that_was_changed_has_none(tmp_path: Path) -> None:
    put(tmp_path, "1.png", "2.png")
    said = by_hand(tmp_path, {"1.png": "a", "2.png": "b"}, alone=True)
    (tmp_path / "1.png").rename(tmp_path / "moved.png")
    (tmp_path / "2.png").write_bytes(png(coloured(250, 1, 250, 16)))

    found = labelled_folder(tmp_path, by_hand=said)

    assert {one.name: one.label for one in found.pictures} == {"moved.png": "a"}
    assert found.left_out == (LeftOut("2.png", NO_LABEL),)
