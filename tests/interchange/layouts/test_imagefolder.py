"""The folder of pictures and tables, loaded by `datasets`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from storage.records import PostTags
from tests.interchange.small_gallery import MONA, SmallGallery


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`datasets.load_dataset` on a folder, in a place of its own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return lambda *words, **more: datasets.load_dataset(*words, cache_dir=str(tmp_path / "cache"), **more)


def test_datasets_reads_every_picture_with_its_caption_class_and_origin(gallery: SmallGallery, load: Any) -> None:
    gallery.add(1, 2)

    gallery.export("imagefolder")

    rows = load(str(gallery.out))["train"]
    assert [row["image"].size for row in rows] == [(40, 30), (40, 30)]
    one = {name: rows[0][name] for name in ("text", "label", "post_id", "md5", "score", "reviewed", "tags_artist")}
    assert one == {
        "text": "mona (genshin impact), genshin impact, 1girl, ^_^, hat, long hair, smile",
        "label": "mona",
        "post_id": 1,
        "md5": gallery.manifest()[0]["md5"],
        "score": 0.9,
        "reviewed": "",
        "tags_artist": "some_artist",
    }


def test_a_class_called_like_a_split_stays_a_class(gallery: SmallGallery, load: Any) -> None:
    gallery.add(1)
    gallery.export("imagefolder")
    train = gallery.out / "train"
    shutil.move(train / "mona", train / "test")  # as if the target were called so
    table = train / "metadata.jsonl"
    table.write_text(table.read_text("utf-8").replace("mona/demo", "test/demo"), encoding="utf-8")

    assert {name: len(rows) for name, rows in load(str(gallery.out)).items()} == {"train": 1}
    (gallery.out / "README.md").unlink()  # what the card is there for
    with pytest.raises(ValueError, match="test"):
        load(str(gallery.out))


def test_splits_load_together_although_one_lacks_what_the_other_has(gallery: SmallGallery, load: Any) -> None:
    gallery.add(1, 2)
    gallery.add(3, tags=PostTags(character=(MONA.tag,)), source="https://example.com/3")
    gallery.assign(train=[1], validation=[2], test=[3])

    record = gallery.record("imagefolder", "--split")

    loaded = load(str(gallery.out))
    assert {name: rows["post_id"][:] for name, rows in loaded.items()} == {"train": [1], "validation": [2], "test": [3]}
    assert record["classes"] == {"mona": 1, "mona (validation)": 1, "mona (test)": 1}
    assert loaded["test"][0]["tags_artist"] == ""


def test_the_other_class_comes_from_renditions(gallery: SmallGallery, load: Any) -> None:
    gallery.add(1)
    gallery.add(2, decision="delete")

    done = gallery.export("imagefolder", "decision:keep,delete", "--renditions")

    assert done.exit_code == 0, done.stderr
    assert gallery.files() == [
        "README.md", "manifest.jsonl", "train/metadata.jsonl", "train/mona/demo_1.png", "train/other/demo_2.jpg",
    ]  # fmt: skip
    assert [(row["class"], row["rendition"]) for row in gallery.manifest()] == [("mona", False), ("other", True)]
