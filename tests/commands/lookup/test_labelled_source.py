"""What `crawl label` wrote is found beside a folder, or named by itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from classifier.pictures.class_folders import class_pictures
from classifier.pictures.hand_labels import NONE
from commands.errors import UsageRefused
from commands.folders.truth import read_truth
from commands.lookup.labelled_source import labelled_source
from storage.errors import UnreadableFile
from storage.folders.label_file import PictureLabel, label_file_of
from tests.commands.folders.places import picture
from tests.storage.folders.test_label_file import opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures lying flat; two have a label, the third one's was taken back."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    with opened(label_file_of(folder)) as file:
        for number, label in enumerate(("mona", "game/keqing", "mona")):
            content = picture(number, red=True)
            (folder / f"{number}.png").write_bytes(content)
            file.put(PictureLabel(f"{number}.png", hashlib.md5(content).hexdigest(), label))
        file.put(PictureLabel("2.png", "", ""))
    return folder


def test_a_folder_brings_the_table_beside_it(folder: Path) -> None:
    source, by_hand = labelled_source(folder)

    assert (source, by_hand.alone, sorted(by_hand.by_md5.values())) == (folder, False, ["game/keqing", "mona"])


def test_the_table_itself_counts_alone(folder: Path) -> None:
    source, by_hand = labelled_source(label_file_of(folder))

    assert (source, by_hand.alone) == (folder, True)


def test_a_target_learns_from_labels_by_hand_too(folder: Path) -> None:
    found = class_pictures(folder, ["mona"], by_hand=labelled_source(folder)[1])

    assert (found.meant, found.classes) == (("mona",), {"mona": 1, "keqing": 1})
    assert [one.name for one in found.pictures if one.shows] == ["0.png"]


def test_truth_may_be_the_table_or_its_folder(folder: Path) -> None:
    for source in (folder, label_file_of(folder)):
        truth = read_truth(source, ["mona"], [folder])

        assert (truth.meant, sorted(truth.by_md5.values())) == (("mona",), [False, True])


def test_a_table_that_is_not_ours_is_left_out_beside_a_folder_and_refused_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label_file_of(folder).write_text("path,class\n0.png,mona\n")

    assert labelled_source(folder) == (folder, NONE)
    assert "is no table of crawl label, and is left out" in capsys.readouterr().err
    with pytest.raises(UnreadableFile, match="is no table of labels of ours"):
        labelled_source(label_file_of(folder))


def test_a_table_without_its_folder_and_one_that_is_not_there_are_refused(folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "elsewhere")

    with pytest.raises(UsageRefused, match="which is no folder"):
        labelled_source(label_file_of(folder))
    with pytest.raises(UnreadableFile, match="is not there"):
        labelled_source(tmp_path / "missing.labels.csv")
