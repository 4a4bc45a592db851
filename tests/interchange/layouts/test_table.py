"""The table of references: a row a picture, nothing copied."""

from __future__ import annotations

import csv
from pathlib import Path

from storage.records import PostTags
from tests.interchange.small_gallery import MONA, SmallGallery


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_leads_to_its_picture_in_the_gallery(gallery: SmallGallery) -> None:
    gallery.add(1, 2)

    gallery.export("csv")

    table = rows(gallery.out / "pictures.csv")
    assert [Path(row["file"]).read_bytes() for row in table] == [gallery.contents[1], gallery.contents[2]]
    assert (table[0]["label"], table[0]["tags_general"]) == ("mona", "1girl ^_^ hat long_hair smile")
    assert gallery.files() == ["manifest.jsonl", "pictures.csv", "tags.csv"]


def test_tags_are_counted(gallery: SmallGallery) -> None:
    gallery.add(1, tags=PostTags(general=("hat",), character=(MONA.tag,)))
    gallery.add(2, tags=PostTags(general=("hat", "smile")))

    gallery.export("csv")

    assert [tuple(row.values()) for row in rows(gallery.out / "tags.csv")] == [
        ("hat", "general", "2"), (MONA.tag, "character", "1"), ("smile", "general", "1"),
    ]  # fmt: skip


def test_no_cell_is_a_formula(gallery: SmallGallery) -> None:
    gallery.add(1, tags=PostTags(general=("=_=",)), source="=HYPERLINK(1)")

    gallery.export("csv", "--caption", "{general}")

    row = rows(gallery.out / "pictures.csv")[0]
    assert (row["source"], row["text"]) == ("'=HYPERLINK(1)", "'=_=")


def test_a_missing_picture_has_no_row(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    next((gallery.root / "gallery" / "mona").glob("1_*")).unlink()

    assert gallery.record("csv")["exported"] == 1
    assert [row["post_id"] for row in rows(gallery.out / "pictures.csv")] == ["2"]
