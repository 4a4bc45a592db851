"""`crawl import`: years of downloads become the gallery's, and say so."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from commands.app import app
from storage.archive import Archive
from tests.crawler.scenes import raw_post
from tests.storage.samples import NO_RESERVE


def crawl(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 90, 90)).save(file, "PNG")
    return file.getvalue()


def download(folder: Path, number: int, category: str = "danbooru", **changes: Any) -> Path:
    """A picture and its facts as gallery-dl leaves them."""
    content = picture(number)
    md5 = hashlib.md5(content).hexdigest()
    path = folder / f"danbooru_{number}_{md5}.png"
    folder.mkdir(exist_ok=True)
    path.write_bytes(content)
    row = raw_post(
        number, md5=md5, file_size=len(content), file_ext="png", category=category, tags=["1girl"], **changes
    )
    path.with_name(f"{path.name}.json").write_text(json.dumps(row))
    return path


def record(*words: str | Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(crawl(*words, "--json").stdout)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        download(tmp_path / "downloads", number)
    return tmp_path / "downloads"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def kept_without_the_site(root: Path) -> list[str]:
    """Original files that the gallery can keep by what it has alone."""

    async def adopt() -> None:
        async with Archive.open(root, NO_RESERVE) as archive:
            for post in await archive.moves.posts_of(range(1, 10)):
                await archive.adopt_known_original(post, ["mona"])

    asyncio.run(adopt())
    return sorted(path.name.partition("_")[0] for path in root.glob("gallery/mona/*"))


def test_files_with_their_facts_become_posts_that_need_no_site(source: Path, root: Path) -> None:
    answer = record("import", "gallery-dl", source, "--root", root)

    assert (answer["copied"], answer["posts"], answer["left_out"], answer["exit"]) == (3, 3, {}, 0)
    assert sorted(crawl("query", "hat", "--format", "ids", "--root", root).stdout.split()) == ["1", "2", "3"]
    assert kept_without_the_site(root) == ["1", "2", "3"]


def test_the_same_command_again_takes_only_what_is_new(source: Path, root: Path) -> None:
    crawl("import", "gallery-dl", source, "--root", root)
    download(source, 4)

    answer = record("import", "gallery-dl", source, "--root", root)

    assert (answer["copied"], answer["already_here"], answer["posts"]) == (1, 3, 1)


def test_linked_files_take_no_room(source: Path, root: Path) -> None:
    answer = record("import", "folder", source, "--root", root, "--link")

    assert (answer["linked"], answer["copied"], answer["posts"]) == (3, 0, 0)
    assert all(path.stat().st_nlink == 2 for path in source.glob("*.png"))


def test_a_file_that_changed_is_left_out_by_name_and_the_others_are_taken(source: Path, root: Path) -> None:
    changed = min(source.glob("*.png"))
    changed.write_bytes(b"cut")
    (source / "holiday.jpg").write_bytes(b"mine")

    answer = crawl("import", "gallery-dl", source, "--root", root)

    assert answer.exit_code == 3
    assert f"damaged, or changed since: 1 file: {changed.name}" in " ".join(answer.stderr.split())
    assert "no md5 in its name, nor in a file of facts beside it: 1 file: holiday.jpg" in " ".join(
        answer.stderr.split()
    )
    assert "2 copied" in answer.stdout
    assert kept_without_the_site(root) == ["2", "3"]


def test_the_video_of_an_ugoira_is_named_as_what_it_is(tmp_path: Path, root: Path) -> None:
    path = download(tmp_path / "downloads", 1)
    facts = path.with_name(f"{path.name}.json")
    facts.write_text(facts.read_text().replace('"file_ext": "png"', '"file_ext": "zip"'))
    facts.rename(path.with_suffix(".webm.json"))
    path.rename(path.with_suffix(".webm"))

    answer = record("import", "gallery-dl", tmp_path / "downloads", "--root", root)

    (reason,) = answer["left_out"]
    assert "ugoira" in reason
    assert answer["exit"] == 3


def test_facts_of_another_site_or_without_sense_give_no_post_and_the_file_counts_by_its_md5(
    tmp_path: Path, root: Path
) -> None:
    source = tmp_path / "mixed"
    download(source, 1, category="gelbooru")
    download(source, 2, rating="x")
    download(source, 3, category="")

    answer = record("import", "gallery-dl", source, "--root", root)

    assert (answer["copied"], answer["posts"], answer["exit"]) == (3, 0, 0)
    other = "of gelbooru, not of danbooru; --site gelbooru records those"
    assert answer["without_post"] == {other: 1, "rating makes no sense": 1, "names no site": 1}


def test_one_file_in_two_folders_is_taken_once(source: Path, root: Path) -> None:
    download(source / "again", 1)

    answer = record("import", "gallery-dl", source, "--root", root)

    assert (answer["files"], answer["copied"], answer["already_here"]) == (4, 3, 1)


def test_what_cannot_be_taken_in_is_refused_before_anything_is_done(tmp_path: Path, root: Path, source: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in source.glob("*.json"):
        path.rename(empty / path.name)

    refusals = {
        "nowhere is no folder": ("folder", tmp_path / "nowhere"),
        "no pictures or videos": ("folder", empty),
        "--write-metadata; crawl import folder": ("gallery-dl", source),
        "KIND": ("grabber", source),
        ".urls.txt or .json), which hydrus writes": ("hydrus", source),
    }
    for words, typed in refusals.items():
        answer = crawl("import", *typed, "--root", root)
        assert answer.exit_code == 2
        assert words in " ".join(answer.stderr.split())
    assert not root.exists()


def test_a_gallery_is_not_imported_and_links_in_the_folder_are_told(source: Path, root: Path) -> None:
    (source / "link.png").symlink_to(min(source.glob("*.png")))
    answer = crawl("import", "folder", source, "--root", root)
    assert "passed over, a link:" in answer.stderr

    again = crawl("import", "folder", root, "--root", root)
    assert (again.exit_code, "belongs to the gallery" in again.stderr) == (2, True)
    assert "import" not in crawl("status", "--root", root).stdout.partition("->")[2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes")
def test_what_is_called_like_a_file_and_is_a_pipe_is_left_out_and_not_waited_for(source: Path, root: Path) -> None:
    os.mkfifo(source / f"{'a' * 32}.png")
    os.mkfifo(source / f"{'b' * 32}.mp4")

    answer = record("import", "folder", source, "--root", root)

    assert (answer["copied"], answer["left_out"], answer["exit"]) == (3, {"cannot be read": 2}, 3)


def test_what_the_gallerys_disk_refuses_ends_it_and_the_same_command_goes_on_later(source: Path, root: Path) -> None:
    new = download(source / "later", 4)
    aside = new.rename(source.parent / new.name)
    crawl("import", "folder", source, "--root", root)
    aside.rename(new)
    md5 = hashlib.md5(new.read_bytes()).hexdigest()
    in_the_way = root / "renditions" / md5[:2]
    in_the_way.write_text("a file where a folder should be")

    refused = crawl("import", "folder", source, "--root", root)
    runs = record("status", "--root", root)["runs"]
    in_the_way.unlink()

    assert (refused.exit_code, "move it away" in " ".join(refused.stderr.split())) == (7, True)
    assert [run["exit"] for run in runs] == [7, 0]
    assert record("import", "folder", source, "--root", root)["copied"] == 1


def test_a_video_and_a_picture_whose_size_nobody_can_tell_come_in_as_they_are(tmp_path: Path, root: Path) -> None:
    source = tmp_path / "odd"
    source.mkdir()
    for ending in ("mp4", "jpeg"):
        content = ending.encode() * 50
        (source / f"{hashlib.md5(content).hexdigest()}.{ending}").write_bytes(content)

    assert record("import", "folder", source, "--root", root)["copied"] == 2
    assert sorted(path.suffix for path in root.glob("renditions/**/*.*")) == [".jpg", ".mp4"]
