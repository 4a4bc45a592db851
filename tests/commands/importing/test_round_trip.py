"""What is exported and imported again is what it was: the same posts, tags, files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from commands.app import app
from storage.archive import open_reader
from tests.interchange.small_gallery import SmallGallery

ROW = "site, post_id, md5, tags_character, tags_copyright, tags_artist, tags_general, tags, rating, source"
FILE = "file_ext, width, height, file_size"


def crawl(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def rows(root: Path, columns: str = f"{ROW}, {FILE}") -> Sequence[tuple[Any, ...]]:
    with open_reader(root) as reader:
        return reader.sql(f"SELECT DISTINCT {columns} FROM results ORDER BY site, post_id").rows


def stored(root: Path) -> set[bytes]:
    return {path.read_bytes() for path in (root / "renditions").rglob("*.*")}


@pytest.fixture
def gallery(tmp_path: Path) -> SmallGallery:
    return SmallGallery(tmp_path / "root", tmp_path / "out")


@pytest.mark.parametrize("form", ["kohya", "onetrainer", "ai-toolkit", "imagefolder"])
def test_an_export_that_is_imported_gives_the_same_rows_and_files(gallery: SmallGallery, form: str) -> None:
    gallery.add(1, 2, 3)
    gallery.add(4, ext="jpg", source="https://example.com/4")
    gallery.export(form)
    other = gallery.out.parent / "other"

    answer = json.loads(crawl("import", "folder", gallery.out, "--root", other, "--json").stdout)

    assert (answer["copied"], answer["posts"], answer["left_out"], answer["exit"]) == (4, 4, {}, 0)
    assert rows(other) == rows(gallery.root)
    assert rows(other, "created_at, site_score") == rows(gallery.root, "created_at, site_score")
    assert stored(other) == set(gallery.contents.values())


def test_so_does_one_for_hydrus_by_its_sidecars_alone(gallery: SmallGallery) -> None:
    gallery.add(1, 2, 3)
    gallery.add(4, ext="jpg", source="https://example.com/4")
    gallery.add(5, ext="webm")
    gallery.export("hydrus")
    (gallery.out / "manifest.jsonl").unlink()
    other = gallery.out.parent / "other"

    answer = json.loads(crawl("import", "hydrus", gallery.out, "--root", other, "--json").stdout)

    assert (answer["copied"], answer["posts"], answer["exit"]) == (5, 5, 0)
    with_sizes = [row for row in rows(gallery.root) if row[1] != 5]
    assert [row for row in rows(other) if row[1] != 5] == with_sizes
    assert rows(other, ROW) == rows(gallery.root, ROW)
    assert stored(other) == set(gallery.contents.values())


def test_what_was_exported_smaller_or_edited_is_not_taken_for_the_original(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    gallery.export("kohya", "--max-side", "20")
    other = gallery.out.parent / "other"
    refused = crawl("import", "folder", gallery.out, "--root", other)
    assert (refused.exit_code, "no pictures or videos" in refused.stderr) == (2, True)

    gallery.export("kohya")
    lines = (gallery.out / "manifest.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    wrong = [row | change for change in ({"file": "../x.png"}, {"md5": 7}, {"post_id": 0}, {"tags_meta": ["a b"]})]
    text = "\n".join([lines[1], "{", "[]", *map(json.dumps, wrong), json.dumps(row | {"width": 1})])
    (gallery.out / "manifest.jsonl").write_text(text)
    answer = crawl("import", "folder", gallery.out, "--root", other)

    assert "1 copied" in answer.stdout
    said = " ".join(answer.stderr.split())
    assert "passed over, a row that makes no sense:" in said
    assert "passed over, exported smaller, or in another format:" in said
