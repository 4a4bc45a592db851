"""An export over time: again, after changes, after a kill, beside the user's own files."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from interchange.export import LOCK
from storage.archive_records import Label
from storage.files.disk import Disk
from storage.folders.output_lock import sole_writer
from storage.label_writer import Labelling
from storage.records import LabelValue
from tests.interchange.small_gallery import SmallGallery

CAPTION = "img/1_mona/demo_1.txt"


def inodes(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*.*") if path.is_file()}


def label(gallery: SmallGallery, number: int, value: LabelValue) -> None:
    with Labelling(gallery.root) as labelling:
        labelling.relabel([Label(number, "demo", "mona", value, "me", f"{number}-{value}")])


def test_a_second_export_writes_nothing_that_is_there_already(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.export("kohya")
    before = inodes(gallery.out)

    record = gallery.record("kohya")

    ours = {".crawl-export.db"}
    assert {name: at for name, at in inodes(gallery.out).items() if name not in ours} == {
        name: at for name, at in before.items() if name not in ours
    }
    assert record["files"] == {"written": 0, "unchanged": 7, "changed by hand": 0, "taken": 0}


def test_new_posts_come_and_those_that_no_longer_fit_go(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.export("kohya")
    gallery.add(3)
    label(gallery, 1, LabelValue.DELETE)

    record = gallery.record("kohya")

    assert [row["post_id"] for row in gallery.manifest()] == [2, 3]
    assert gallery.files() == [
        "dataset.toml", *(f"img/1_mona/demo_{n}.{e}" for n in (2, 3) for e in ("png", "txt")),
        "manifest.jsonl", "metadata_mona.json",
    ]  # fmt: skip
    assert record["removed"] == 1


def show_one_file(gallery: SmallGallery) -> None:
    """All posts have the first one's file."""
    with closing(sqlite3.connect(gallery.root / "crawl.db")) as database, database:
        for (trigger,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        for table in ("post", "file_version"):
            database.execute(f"UPDATE {table} SET md5 = (SELECT md5 FROM post WHERE post_id = 1)")
    for path in (gallery.root / "gallery" / "mona").iterdir():
        path.write_bytes(gallery.contents[1])


def test_a_file_that_is_kept_as_one_post_s_and_deleted_as_another_s_is_learned_as_kept(gallery: SmallGallery) -> None:
    gallery.add(1, decision="delete")
    gallery.add(2)
    show_one_file(gallery)
    gallery.assign(test=[1])

    record = gallery.record("imagefolder", "decision:keep,delete", "--keep", "mona", "--renditions", "--split")

    assert [(row["post_id"], row["class"], row["split"]) for row in gallery.manifest()] == [(2, "mona", "test")]
    assert record["classes"] == {"mona (test)": 1}


@pytest.mark.parametrize(("form", "posts"), [("kohya", [1]), ("webdataset", [1]), ("csv", [1, 2])])
def test_one_file_of_two_posts_is_one_picture_to_train_on_and_stays_away_when_withdrawn(
    gallery: SmallGallery, form: str, posts: list[int]
) -> None:
    gallery.add(1, 2)
    show_one_file(gallery)

    done = gallery.export(form)

    assert [row["post_id"] for row in gallery.manifest()] == posts
    assert ("the same file as another post's" in done.stderr) == (posts == [1])
    gallery.export(form, "--withdraw", "1")
    gallery.export(form)
    assert [row["post_id"] for row in gallery.manifest()] == posts[1:]


def test_a_caption_that_was_corrected_stays_and_moves_along(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")
    (gallery.out / CAPTION).write_text("my own words\n", encoding="utf-8")

    record = gallery.record("kohya", "--repeats", "4", "--drop", "hat")

    assert record["files"]["changed by hand"] == 1
    assert gallery.read("img/4_mona/demo_1.txt") == "my own words\n"
    assert not (gallery.out / "img/1_mona").exists()


def test_a_corrected_caption_outlives_its_picture(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.export("kohya")
    (gallery.out / CAPTION).write_text("my own words\n", encoding="utf-8")
    label(gallery, 1, LabelValue.DELETE)

    done = gallery.export("kohya")

    assert "changed by hand, stay: 1" in done.stderr
    assert gallery.read(CAPTION) == "my own words\n"
    assert not (gallery.out / "img/1_mona/demo_1.png").exists()


def test_settings_that_were_changed_stay_and_a_manifest_is_made_anew(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")
    for name in ("dataset.toml", "manifest.jsonl"):
        (gallery.out / name).write_text("mine\n", encoding="utf-8")

    done = gallery.export("kohya")

    assert gallery.read("dataset.toml") == gallery.read("manifest.jsonl.bak") == "mine\n"
    assert len(gallery.manifest()) == 1
    assert "manifest.jsonl was changed by hand; that is manifest.jsonl.bak now" in done.stderr


def test_a_file_of_the_user_s_that_has_a_name_of_ours_is_not_touched(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")
    (gallery.out / "img/1_mona/demo_2.png").write_bytes(b"mine")
    gallery.add(2)

    record = gallery.record("kohya")

    assert (gallery.out / "img/1_mona/demo_2.png").read_bytes() == b"mine"
    assert record["left_out"] == {"img/1_mona/demo_2.png is the user's own": 1}
    assert record["exit"] == 3


def test_a_folder_with_files_that_is_no_export_is_refused(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.out.mkdir()
    (gallery.out / "mine.txt").write_text("mine", encoding="utf-8")

    done = gallery.export("kohya")

    assert (done.exit_code, gallery.files()) == (2, ["mine.txt"])
    assert "is not empty (mine.txt) and holds no export of ours" in done.stderr


@pytest.mark.parametrize("stopped_after", [1, 2, 4, 6])
def test_an_export_that_was_killed_goes_on_with_the_same_command(
    gallery: SmallGallery, stopped_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.add(1, 2)
    replaced, replace = 0, Path.replace

    def dies(self: Path, target: Any) -> Path:
        nonlocal replaced
        replaced += 1
        if replaced > stopped_after:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        gallery.export("kohya")
    (gallery.out / "img").mkdir(exist_ok=True)
    (gallery.out / "img/.0.crawl-part").touch()  # of a post that no longer fits

    done = gallery.export("kohya")

    assert done.exit_code == 0, done.stderr
    assert len(gallery.manifest()) == 2
    assert not [name for name in gallery.files() if "part" in name]


def test_what_a_killed_export_did_not_come_to_record_is_taken_for_its_own(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")
    saved = {name: (gallery.out / name).read_bytes() for name in gallery.files()}
    shutil.rmtree(gallery.out)
    gallery.out.mkdir()
    (gallery.out / ".crawl-export.db").touch()  # as a kill leaves it before its first commit
    for name, content in saved.items():
        (gallery.out / name).parent.mkdir(parents=True, exist_ok=True)
        (gallery.out / name).write_bytes(content)

    record = gallery.record("kohya")

    assert record["files"] == {"written": 0, "unchanged": len(saved), "changed by hand": 0, "taken": 0}


def test_a_missing_original_is_named_and_what_was_exported_of_it_stays(gallery: SmallGallery) -> None:
    gallery.add(1, 2, 3)
    gallery.export("kohya")
    for path in (gallery.root / "gallery" / "mona").glob("[12]_*"):
        path.unlink()
    gallery.add(4)

    done = gallery.export("kohya", "--max-side", "20")

    assert done.exit_code == 3
    assert "crawl verify lists what is missing: 2 (demo 1, demo 2)" in done.stderr
    assert [row["post_id"] for row in gallery.manifest()] == [1, 2, 3, 4]
    assert (gallery.out / "img/1_mona/demo_1.png").read_bytes() == gallery.contents[1]


def test_an_altered_original_is_not_exported(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    path = next((gallery.root / "gallery" / "mona").glob("1_*"))
    path.write_bytes(b"x" * path.stat().st_size)

    record = gallery.record("kohya")

    assert record["exported"] == 1
    assert next(iter(record["left_out"])).startswith("its file in the gallery was altered")


@pytest.mark.parametrize("how", ["link", "symlink"])
def test_links_take_no_room(gallery: SmallGallery, how: str) -> None:
    gallery.add(1)

    gallery.export("kohya", "--how", how)

    exported = gallery.out / "img/1_mona/demo_1.png"
    assert exported.samefile(next((gallery.root / "gallery" / "mona").glob("1_*")))
    assert exported.is_symlink() == (how == "symlink")
    assert gallery.record("kohya", "--how", how)["files"]["written"] == 0


def test_where_links_are_impossible_there_are_copies_and_a_line(
    gallery: SmallGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.add(1)

    def refused(*words: object, **more: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refused)
    done = gallery.export("kohya", "--how", "link")

    assert done.exit_code == 0
    assert "these are copies" in done.stderr
    assert (gallery.out / "img/1_mona/demo_1.png").read_bytes() == gallery.contents[1]


def test_a_full_disk_ends_the_export_and_what_is_there_is_whole(
    gallery: SmallGallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery.add(1, 2)
    replace = Path.replace

    def full(self: Path, target: Any) -> Path:
        if str(target).endswith("demo_2.png"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        done = gallery.export("kohya")

    assert done.exit_code == 7
    assert "free some space" in done.stderr
    assert gallery.files() == ["img/1_mona/demo_1.png", "img/1_mona/demo_1.txt"]
    assert gallery.export("kohya").exit_code == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("koyha",), "did you mean 'kohya'"),
        (("kohya", "decision:kepp"), "decision:kepp"),
        (("kohya", "nobody_has_this_tag"), "no post fits the expression"),
        (("kohya", "--keep", "keqing"), "keqing"),
        (("kohya", "--caption", "{generl}"), "did you mean {general}"),
        (("kohya", "--captions", "text"), "did you mean 'txt'"),
        (("kohya", "--how", "move"), "--how 'move' is not known"),
        (("kohya", "--pictures", "jpeg"), "did you mean 'jpg'"),
        (("kohya", "--rating-words", "safe,nsfw"), "give four"),
        (("kohya", "--drop", "@{r}/none.txt"), "none.txt is not there"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(gallery: SmallGallery, words: tuple[str, ...], line: str) -> None:
    gallery.add(1)

    done = gallery.export(*(word.replace("{r}", str(gallery.root)) for word in words))

    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert line in done.stderr
    assert not gallery.out.exists()


def test_nothing_is_written_into_a_gallery(gallery: SmallGallery) -> None:
    gallery.add(1)

    done = gallery.export("kohya", to=gallery.root / "gallery" / "out")

    assert done.exit_code == 2
    assert "belongs to the gallery" in done.stderr


def test_two_exports_into_one_folder_do_not_mix(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.out.mkdir()

    with sole_writer(gallery.out, Disk(), LOCK, "crawl export"):
        done = gallery.export("kohya")

    assert done.exit_code == 9
    assert "another crawl export is at work there" in done.stderr


def test_an_export_of_another_format_is_not_mixed_in(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")

    done = gallery.export("imagefolder")

    assert done.exit_code == 2
    assert "holds an export for kohya; name another folder" in done.stderr
