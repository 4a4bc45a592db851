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


def manifest(folder: Path) -> list[dict[str, Any]]:
    """What an export says, but for the machine's scores under labels."""
    rows = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    hidden = {row["post_id"] for row in rows if row["label"]}
    machine = ("score", "threshold", "model")
    return [
        {name: None if row["post_id"] in hidden and name in machine else value for name, value in row.items()}
        for row in rows
    ]


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
    smaller = crawl("import", "folder", gallery.out, "--root", other)
    assert smaller.exit_code == 0
    assert "another format or in a shard; posts and labels count: 2 files" in " ".join(smaller.stderr.split())
    assert rows(other) == rows(gallery.root)
    assert stored(other) == set()

    gallery.export("kohya")
    lines = (gallery.out / "manifest.jsonl").read_text().splitlines()
    row = json.loads(lines[0])
    changes = ({"file": "../x.png"}, {"md5": 7}, {"post_id": 0}, {"tags_meta": ["a b"]}, {"label": "maybe"})
    wrong = [row | change for change in (*changes, {"target": "../a"}, {"score": 2})]
    text = "\n".join([lines[1], "{", "[]", *map(json.dumps, wrong), json.dumps(row | {"width": 1})])
    (gallery.out / "manifest.jsonl").write_text(text)
    answer = crawl("import", "folder", gallery.out, "--root", other)

    assert "1 copied" in answer.stdout
    said = " ".join(answer.stderr.split())
    assert "passed over, a row that makes no sense:" in said
    assert "passed over, exported smaller, in another format or in a shard; posts and labels count:" in said


def test_a_manifest_that_cannot_be_stored_as_it_stands_is_told_row_by_row(gallery: SmallGallery) -> None:
    gallery.add(1)
    gallery.export("kohya")
    row = json.loads((gallery.out / "manifest.jsonl").read_text().splitlines()[0])
    half, early = "\ud800", "0001-01-01T00:00:00+14:00"
    wrong = [{name: half} for name in ("source", "site", "file", "model", "reason", "ext")]
    wrong += [{"created_at": early}, {"file": "a\0b.png"}, {"ext": "exe"}, {"post_id": 2**63}]
    kept = row | {"post_id": int(row["md5"][:13], 16)}  # as an import of hydrus numbers its posts
    judged = {"label": "keep", "reason": "labelled keep by me", "target": "mona", "target_tag": "mona"}
    lines = [json.dumps(row | judged | one) for one in wrong] + [json.dumps(kept | judged)]
    (gallery.out / "manifest.jsonl").write_text("\n".join(lines))
    other = gallery.out.parent / "other"

    answer = crawl("import", "folder", gallery.out, "--root", other)

    assert answer.exit_code == 0, answer.stderr
    assert f"a row that makes no sense: {len(wrong)} files" in " ".join(answer.stderr.split())
    assert [found[1:3] for found in rows(other, "site, post_id, label")] == [(kept["post_id"], "keep")]


HELD = "site, post_id, target, decision, decided_by, label, place, path"
SCORED = "reason, score, threshold, model"  # of the machine, which a label hides in a manifest


def held(root: Path) -> Sequence[tuple[Any, ...]]:
    scored = ", ".join(f"CASE WHEN label IS NULL THEN {name} END" for name in SCORED.split(", "))
    return rows(root, f"{HELD}, {scored}")


@pytest.mark.parametrize("how", ["--copy", "--leave"])
@pytest.mark.parametrize("form", ["kohya", "imagefolder"])
def test_people_s_labels_and_what_was_decided_come_back_and_another_export_says_the_same(
    gallery: SmallGallery, form: str, how: str
) -> None:
    gallery.add(1, 2, 3)
    gallery.put(4, ext="png", decision="undecided", size=(40, 30))
    crawl("relabel", "keep", "1", "4", "--keep", "mona", "--root", gallery.root)
    gallery.assign(test=[2])
    other, out = gallery.out.parent / "other", gallery.out.parent / "out2"
    words = ("decision:keep", "--split")
    gallery.export(form, *words)
    crawl("apply", "--root", gallery.root)

    answer = json.loads(crawl("import", "folder", gallery.out, "--root", other, how, "--json").stdout)
    again = json.loads(crawl("import", "folder", gallery.out, "--root", other, how, "--json").stdout)
    crawl("export", form, out, *words, "--root", other)

    assert (answer["labels"], answer["decisions"], again["labels"], again["decisions"]) == (1, 2, 0, 0)
    assert held(other) == held(gallery.root)[:3]  # the fourth has no original to export
    assert manifest(out) == manifest(gallery.out)


def test_a_label_that_was_given_here_holds_and_says_so(gallery: SmallGallery) -> None:
    gallery.add(1, 2)
    crawl("relabel", "keep", "1", "2", "--keep", "mona", "--root", gallery.root)
    gallery.export("kohya")
    other = gallery.out.parent / "other"
    crawl("import", "folder", gallery.out, "--root", other)
    crawl("relabel", "delete", "1", "--keep", "mona", "--root", other)
    crawl("relabel", "clear", "2", "--keep", "mona", "--root", other)

    again = crawl("import", "folder", gallery.out, "--root", other)

    assert "2 labels not taken over: somebody said something else here" in " ".join(again.stderr.split())
    found = [row[2:] for row in rows(other, "site, post_id, decision, label")]
    assert found == [("delete", "delete"), (None, None)]  # what a label hid was not in the export


@pytest.mark.parametrize("form", ["csv", "webdataset"])
def test_references_and_shards_bring_posts_and_labels_and_no_file_is_read(gallery: SmallGallery, form: str) -> None:
    gallery.add(1, 2, ext="jpg")
    crawl("relabel", "keep", "1", "--keep", "mona", "--root", gallery.root)
    gallery.export(form)
    other = gallery.out.parent / "other"

    answer = json.loads(crawl("import", "folder", gallery.out, "--root", other, "--json").stdout)

    assert (answer["files"], answer["posts"], answer["labels"], answer["decisions"]) == (0, 2, 1, 1)
    assert rows(other) == rows(gallery.root)
