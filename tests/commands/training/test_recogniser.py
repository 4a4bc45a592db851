"""`crawl train NAME --from DIR --classes` refuses what cannot become a recogniser before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.errors import ClassFolderError
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
