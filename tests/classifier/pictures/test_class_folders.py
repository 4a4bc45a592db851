"""A folder with one folder a class: what counts as what, and what is left out."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from classifier.errors import ClassFolderError, PictureFault
from classifier.pictures.class_folders import NO_CLASS, NO_PICTURE, TWO_CLASSES, class_pictures, label_of, nameless
from classifier.pictures.preprocessing import Preprocessing, prepare
from classifier.recognition.labelled_folder import labelled_folder


def picture(number: int) -> bytes:
    return b"\xff\xd8\xff" + str(number).encode()  # begins like a JPEG; nothing here decodes it


def folder_of(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


def test_pictures_of_the_class_that_is_named_show_the_target_and_all_others_do_not(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path, {"mona/1.jpg": picture(1), "mona/2021/2.jpg": picture(2), "Keqing Fan Art/3.jpg": picture(3)}
    )

    found = class_pictures(folder, ["mona"])

    assert [(one.name, one.label, one.shows) for one in found.pictures] == [
        ("Keqing Fan Art/3.jpg", "keqing_fan_art", False),
        ("mona/1.jpg", "mona", True),
        ("mona/2021/2.jpg", "mona", True),
    ]
    assert found.classes == {"keqing_fan_art": 1, "mona": 2}
    assert found.left_out == ()


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({}, "0 pictures in mona, 0 in 0 other classes"),
        ({"keqing/1.jpg": picture(1)}, "0 pictures in mona, 1 in 1 other class"),
        ({"mona/1.jpg": picture(1)}, "1 pictures in mona, 0 in 0 other classes"),
    ],
)
def test_classes_without_pictures_are_not_counted(tmp_path: Path, files: dict[str, bytes], line: str) -> None:
    for name in ("mona", "keqing"):
        (tmp_path / name).mkdir()

    found = class_pictures(folder_of(tmp_path, files), ["mona"])

    assert found.lines() == [f"{tmp_path}: {line}"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mona_(genshin_impact)", ["mona", "mona_(genshin_impact)"]),  # the tag
        ("mona_genshin_impact", ["mona", "mona_(genshin_impact)"]),  # the tag, as some file systems want it
        ("Mona (Genshin Impact)", ["mona", "mona_(genshin_impact)"]),
        ("mona_(pact_of_stars)", ["mona", "mona_(genshin_impact)", "mona_(pact_of_stars)"]),  # a variant
        ("mona_(genshin_impact)", ["mona"]),  # the only one that is called so
        ("莫娜", ["莫娜"]),
    ],
)
def test_a_folder_means_the_target_by_its_name_its_tag_or_a_variant(
    tmp_path: Path, name: str, words: list[str]
) -> None:
    folder = folder_of(tmp_path, {f"{name}/1.jpg": picture(1), "monaka/2.jpg": picture(2), "other/3.jpg": picture(3)})

    assert class_pictures(folder, words).meant == (label_of(name),)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["moma", "keqing"], "is called 'mona'; did you mean 'moma'\\? It has keqing, moma"),
        (["moma_(a)", "keqing"], "did you mean 'moma_\\(a\\)'\\?"),
        (["keqing", "fischl"], "is called 'mona'; it has fischl, keqing"),
        (["mona_(a)", "mona_(b)"], "several folders .* may mean 'mona': mona_\\(a\\), mona_\\(b\\)"),
        (["not_mona"], "is called 'mona'"),
    ],
)
def test_a_folder_without_the_target_is_refused_with_what_it_has(
    tmp_path: Path, names: list[str], message: str
) -> None:
    folder = folder_of(tmp_path, {f"{name}/1.jpg": picture(1) for name in names})

    with pytest.raises(ClassFolderError, match=message) as refused:
        class_pictures(folder, ["mona"])

    assert refused.value.exit_code == 2


def test_a_folder_that_is_missing_or_has_no_folders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassFolderError, match=r"cannot read the folder .*nowhere: No such file"):
        class_pictures(tmp_path / "nowhere", ["mona"])
    with pytest.raises(ClassFolderError, match="has no folders; expected one a class"):
        class_pictures(folder_of(tmp_path, {"1.jpg": picture(1)}), ["mona"])


def test_what_is_no_picture_or_lies_in_two_classes_is_left_out_and_reported(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        {
            "mona/1.jpg": picture(1),
            "mona/again.jpg": picture(1),  # twice in one class: one drawing, but no contradiction
            "mona/both.jpg": picture(2),
            "keqing/both too.jpg": picture(2),
            "keqing/video.jpg": b"\0\0\0\x18ftypmp42",
            "keqing/.DS_Store": b"a system's",
            ".thumbnails/1.jpg": picture(3),
            "loose.jpg": picture(4),
            "labels.csv": b"path,class,group\nmona/1.jpg,mona,drawing 7\n",
        },
    )

    found = class_pictures(folder, ["mona"])

    assert [(one.name, one.group) for one in found.pictures] == [("mona/1.jpg", "drawing 7"), ("mona/again.jpg", "")]
    assert len({one.md5 for one in found.pictures}) == 1
    assert [(one.name, one.why) for one in found.left_out] == [
        ("keqing/both too.jpg", TWO_CLASSES),
        ("keqing/video.jpg", NO_PICTURE),
        ("loose.jpg", NO_CLASS),
        ("mona/both.jpg", TWO_CLASSES),
    ]
    assert found.lines()[1:] == [
        "left out, in no class folder: 1 file (loose.jpg)",
        "left out, in two classes: 2 files (keqing/both too.jpg, mona/both.jpg)",
        "left out, no picture: 1 file (keqing/video.jpg)",
    ]


@pytest.mark.parametrize(
    ("ending", "kind"), [("webp", "WEBP"), ("avif", "AVIF"), ("jfif", "JPEG"), ("JPE", "JPEG"), ("bin", "PNG")]
)
def test_no_picture_is_passed_over_for_its_ending(tmp_path: Path, ending: str, kind: str) -> None:
    """Keras' `image_dataset_from_directory` silently leaves out what is no .bmp, .gif, .jpeg, .jpg or .png."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 30, 30)).save(out, kind)
    folder = folder_of(tmp_path, {f"mona/1.{ending}": out.getvalue(), f"keqing/2.{ending}": out.getvalue() + b"\0"})

    found, labelled = class_pictures(folder, ["mona"]), labelled_folder(folder)

    assert found.classes == {"keqing": 1, "mona": 1}
    assert labelled.classes == {"keqing": 1, "mona": 1}
    assert (found.left_out, labelled.left_out) == ((), ())
    assert prepare(found.pictures[1].read(), Preprocessing(16)).pixels.shape == (16, 16, 3)


def test_a_file_in_two_classes_that_both_mean_the_target_shows_it(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mona/1.jpg": picture(1), "mona_(pact)/1.jpg": picture(1), "other/2.jpg": picture(2)})

    found = class_pictures(folder, ["mona", "mona_(pact)"])

    assert [one.shows for one in found.pictures] == [True, True, False]


def test_classes_that_only_say_what_is_not_shown_have_no_name() -> None:
    assert [label for label in ("other", "Others", "not_mona", "negative", "nota", "keqing") if nameless(label)] == [
        "other",
        "Others",
        "not_mona",
        "negative",
    ]


@pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")
def test_whatever_is_no_regular_file_is_left_out_unread_and_reported(tmp_path: Path) -> None:
    outside = folder_of(tmp_path / "elsewhere", {"a.jpg": picture(7), "class/b.jpg": picture(8)})
    folder = folder_of(tmp_path / "all", {"mona/1.jpg": picture(1), "other/2.jpg": picture(2)})
    os.mkfifo(folder / "mona" / "pipe.jpg")
    os.mkfifo(folder / "labels.csv")
    os.mkfifo(folder / "loose pipe")
    (folder / "mona" / "zero.jpg").symlink_to("/dev/zero")
    (folder / "mona" / "far.jpg").symlink_to(outside / "a.jpg")
    (folder / "mona" / "gone.jpg").symlink_to("nowhere")
    (folder / "other" / "near.jpg").symlink_to("2.jpg")
    (folder / "linked").symlink_to(outside / "class")
    (folder / "mona" / "round").symlink_to(folder)
    with (folder / "other" / "huge.jpg").open("wb") as file:
        file.write(picture(3))
        file.truncate(20 << 30)
    with (folder / "other" / "huge film.mkv").open("wb") as file:
        file.truncate(20 << 30)

    found = class_pictures(folder, ["mona"])

    assert [one.name for one in found.pictures] == ["mona/1.jpg", "other/2.jpg", "other/near.jpg"]
    assert {one.name: one.why for one in found.left_out} == {
        "labels.csv": "a pipe, not a regular file",
        "linked": "a link out of the folder",
        "loose pipe": NO_CLASS,
        "mona/far.jpg": "a link out of the folder",
        "mona/gone.jpg": "cannot be read",
        "mona/pipe.jpg": "a pipe, not a regular file",
        "mona/round": "a link to a folder",
        "mona/zero.jpg": "a link out of the folder",
        "other/huge film.mkv": NO_PICTURE,
        "other/huge.jpg": "larger than 64 MB",
    }


@pytest.mark.parametrize("content", [b"path,group\n\xff\xfe,1\n", b'path,group\n"' + b"x" * 200_000 + b'",1\n'])
def test_a_table_that_is_none_is_reported(content: bytes, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mona/1.jpg": picture(1), "other/2.jpg": picture(2), "labels.csv": content})

    found = class_pictures(folder, ["mona"])

    assert found.lines()[1:] == ["left out, no table in UTF-8: 1 file (labels.csv)"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_is_closed_to_us_is_reported(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"mona/1.jpg": picture(1), "other/2.jpg": picture(2), "mona/closed/3.jpg": b""})
    (folder / "mona" / "closed").chmod(0)

    found = class_pictures(folder, ["mona"])

    assert [(one.name, one.why) for one in found.left_out] == [("mona/closed", "cannot be read")]


def test_a_folder_of_nothing_but_links_says_that_they_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    (tmp_path / "mona").mkdir()
    (tmp_path / "all" / "mona").symlink_to(tmp_path / "mona")

    with pytest.raises(ClassFolderError, match=r"mona is a link out of the folder.*not followed"):
        class_pictures(tmp_path / "all", ["mona"])


def test_a_folder_without_end_is_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, {f"mona/{number}.jpg": picture(number) for number in range(3)})

    with pytest.raises(ClassFolderError, match="more than 2 files"):
        class_pictures(tmp_path, ["mona"], most_files=2)


def test_a_picture_that_became_something_else_is_no_picture_any_more(tmp_path: Path) -> None:
    found = class_pictures(folder_of(tmp_path, {"mona/1.jpg": picture(1)}), ["mona"]).pictures[0]

    assert found.read() == picture(1)
    found.path.write_bytes(b"<html>")
    with pytest.raises(PictureFault, match="changed since"):
        found.read()
