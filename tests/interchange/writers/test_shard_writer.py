"""Tar shards, loaded by `webdataset` and `datasets`."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from storage.records import PostTags
from tests.interchange.small_gallery import SmallGallery

pytestmark = pytest.mark.filterwarnings(  # webdataset 1.0.2 leaves its shards open
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def mixed(gallery: SmallGallery) -> SmallGallery:
    """Pictures of several types, of posts of which more and less is known."""
    gallery.add(1, 2)
    gallery.add(3, ext="jpg", tags=PostTags())
    gallery.add(4, ext="webp", source="https://example.com/a")
    return gallery


def read(shard: Path) -> list[dict[str, Any]]:
    """What `webdataset` makes of a shard."""
    import webdataset

    return list(webdataset.WebDataset(str(shard), shardshuffle=False).decode("pil"))


def test_every_key_has_a_picture_a_caption_and_facts(mixed: SmallGallery) -> None:
    mixed.export("webdataset")

    samples = read(mixed.out / "00000.tar")

    assert [one["__key__"] for one in samples] == ["demo_1", "demo_2", "demo_3", "demo_4"]
    assert {frozenset(one) - {"__url__", "__local_path__"} for one in samples} == {
        frozenset({"__key__", "jpg", "json", "txt"})
    }
    assert samples[0]["jpg"].size == (40, 30)
    assert samples[0]["txt"] == "mona (genshin impact), genshin impact, 1girl, ^_^, hat, long hair, smile"
    assert (samples[2]["json"]["key"], samples[2]["json"]["post_id"], samples[2]["json"]["status"]) == (
        "demo_3", 3, "success",
    )  # fmt: skip


def test_facts_have_the_same_keys_and_types_in_every_sample(mixed: SmallGallery) -> None:
    mixed.export("webdataset")

    types = {tuple((name, type(value)) for name, value in one["json"].items()) for one in read(mixed.out / "00000.tar")}

    assert len(types) == 1
    assert {kind for _, kind in next(iter(types))} <= {str, int, float, bool}


def test_datasets_loses_no_picture_for_its_type(
    mixed: SmallGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()

    mixed.export("webdataset")

    shards = {"train": str(mixed.out / "*.tar")}
    rows = datasets.load_dataset("webdataset", data_files=shards, cache_dir=str(tmp_path / "cache"))["train"]
    assert [row["jpg"].size for row in rows] == [(40, 30)] * 4
    assert [row["json"]["post_id"] for row in rows] == [1, 2, 3, 4]


def test_a_site_that_is_called_by_host_and_port_puts_no_dot_into_a_key(gallery: SmallGallery) -> None:
    from interchange.samples import stem_of

    assert "." not in stem_of("127.0.0.1:8000", 5)
    assert stem_of("127.0.0.1:8000", 5) != stem_of("127-0-0-1-8000", 5)
    assert stem_of("danbooru", 5) == "danbooru_5"


def test_shards_are_the_same_bytes_every_time_and_unchanged_ones_are_not_written(mixed: SmallGallery) -> None:
    mixed.export("webdataset", "--shard-size", "2")
    again = mixed.out.with_name("again")
    mixed.export("webdataset", "--shard-size", "2", to=again)

    for name in ("00000.tar", "00001.tar"):
        assert (mixed.out / name).read_bytes() == (again / name).read_bytes()
    assert mixed.record("webdataset", "--shard-size", "2")["files"]["written"] == 0


def test_a_shorter_export_leaves_no_shard_of_the_longer_one(mixed: SmallGallery) -> None:
    mixed.export("webdataset", "--shard-size", "1")
    assert len(list(mixed.out.glob("*.tar"))) == 4

    mixed.export("webdataset", "id:1,2", "--shard-size", "1")

    assert mixed.files() == ["00000.tar", "00001.tar", "manifest.jsonl"]
    assert [row["file"] for row in mixed.manifest()] == ["00000.tar/demo_1.jpg", "00001.tar/demo_2.jpg"]


def test_splits_have_shards_of_their_own(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.assign(test=[2])

    gallery.export("webdataset", "--split", "--pictures", "png")

    assert gallery.files() == ["manifest.jsonl", "test/00000.tar", "train/00000.tar"]
    with tarfile.open(gallery.out / "test/00000.tar") as shard:
        assert shard.getnames() == ["demo_2.json", "demo_2.png", "demo_2.txt"]
        file = shard.extractfile("demo_2.png")
        assert file is not None and file.read() == gallery.contents[2]


def test_a_picture_that_cannot_be_decoded_is_left_out_and_tried_again(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    path = next((gallery.root / "gallery" / "mona").glob("1_*"))
    whole = path.read_bytes()
    path.write_bytes(b"x" * len(whole))

    record = gallery.record("webdataset")
    assert (record["exported"], record["exit"], record["left_out"]) == (1, 3, {"its picture cannot be decoded": 1})
    assert [row["post_id"] for row in gallery.manifest()] == [2]

    path.write_bytes(whole)
    assert gallery.record("webdataset")["exported"] == 2
    assert len(read(gallery.out / "00000.tar")) == 2


def test_a_withdrawn_post_leaves_its_shard_and_does_not_come_back(mixed: SmallGallery) -> None:
    mixed.export("webdataset")

    done = mixed.export("webdataset", "--withdraw", "2")

    assert (done.exit_code, done.stdout) == (0, "withdrawn: demo 2\n")
    assert [one["__key__"] for one in read(mixed.out / "00000.tar")] == ["demo_1", "demo_3", "demo_4"]
    assert mixed.record("webdataset")["left_out"] == {"withdrawn from this export": 1}
    assert [one["__key__"] for one in read(mixed.out / "00000.tar")] == ["demo_1", "demo_3", "demo_4"]
    assert "demo_2" not in json.dumps(mixed.manifest())
