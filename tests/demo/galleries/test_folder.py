"""Real pictures from a folder as a gallery."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from demo.errors import GalleryError
from demo.galleries.folder import FolderPlan, folder_gallery
from tests.demo.pieces import Opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of twenty pictures; every fifth has a near-duplicate in its group."""
    root = tmp_path / "pictures"
    rows = ["path,class,group,split"]
    for label in ("kiara", "Ina Nis"):
        (root / label).mkdir(parents=True)
        for number in range(20):
            path = root / label / f"{number}.jpg"
            Image.new("RGB", (32, 24), (number * 9, len(label) * 20, 40)).save(path)
            group = f"{label[0]}{number - 1 if number % 5 == 4 else number}"
            rows.append(f"{label}/{number}.jpg,{label},{group},train")
    (root / "labels.csv").write_text("\n".join(rows) + "\n")
    (root / "kiara" / "notes.txt").write_text("no picture")
    return root


def test_folders_become_character_tags_and_forty_percent_are_hidden(folder: Path) -> None:
    gallery = folder_gallery(FolderPlan(folder=folder, tag="hololive", hide=0.4))
    posts = list(gallery.posts.values())

    assert len(posts) == 40
    assert all("hololive" in post.tags for post in posts)
    for label in ("kiara", "ina_nis"):
        assert gallery.tags[label].category == 4
        assert sum(label in post.truth.characters for post in posts) == 20
        assert 7 <= sum(label in post.truth.hidden for post in posts) <= 9
        assert gallery.post_count(label) == 20 - sum(label in post.truth.hidden for post in posts)


def test_a_group_shares_artist_parent_and_withheld_tags(folder: Path) -> None:
    gallery = folder_gallery(FolderPlan(folder=folder, tag="hololive", hide=0.5))

    children = [post for post in gallery.posts.values() if post.parent_id]
    assert len(children) == 8
    for child in children:
        parent = gallery.posts[child.parent_id or 0]
        assert set(child.truth.hidden) == set(parent.truth.hidden)
        assert [tag for tag in child.tags if tag.startswith("artist_")] == [
            tag for tag in parent.tags if tag.startswith("artist_")
        ]


def test_the_choice_depends_on_the_seed_alone(folder: Path) -> None:
    one, same, other = (folder_gallery(FolderPlan(folder=folder, tag="t", seed=seed)) for seed in (1, 1, 2))

    assert list(one.posts.values()) == list(same.posts.values())
    assert [post.truth for post in one.posts.values()] != [post.truth for post in other.posts.values()]


def test_some_posts_may_name_the_wrong_character(folder: Path) -> None:
    gallery = folder_gallery(FolderPlan(folder=folder, tag="t", hide=0.0, wrong=0.2))

    wrong = [post for post in gallery.posts.values() if post.truth.wrong]
    assert 6 <= len(wrong) <= 10
    assert all(set(post.truth.wrong).isdisjoint(post.truth.characters) for post in wrong)


def test_a_folder_without_a_table_works_too(folder: Path) -> None:
    (folder / "labels.csv").unlink()

    assert len(folder_gallery(FolderPlan(folder=folder, tag="t", posts=15)).posts) == 15


def test_paths_out_of_the_folder_are_ignored(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "outside.png")
    (folder / "labels.csv").write_text("path,class\n../outside.png,kiara\nkiara/1.jpg,kiara\n")

    assert len(folder_gallery(FolderPlan(folder=folder, tag="t")).posts) == 1


def test_links_out_of_the_folder_are_ignored_without_a_table_too(folder: Path, tmp_path: Path) -> None:
    (folder / "labels.csv").unlink()
    Image.new("RGB", (9, 9)).save(tmp_path / "outside.png")
    (folder / "kiara" / "linked.png").symlink_to(tmp_path / "outside.png")

    assert len(folder_gallery(FolderPlan(folder=folder, tag="t")).posts) == 40


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("path,class\nkiara/1.jpg\n", r"labels\.csv, line 2: the path or the class is missing"),
        ("path,class\nkiara/1.jpg,kiara\nkiara/2.jpg,\n", r"labels\.csv, line 3"),
        ("class,path\nkiara\n", r"labels\.csv, line 2"),
        ("path,class\nkiara/1.jpg,---\n", "'---' cannot become a tag"),
        ("file,label\nkiara/1.jpg,kiara\n", "needs the columns path and class"),
    ],
)
def test_a_table_with_a_row_that_says_too_little_is_refused_by_its_line(rows: str, says: str, folder: Path) -> None:
    (folder / "labels.csv").write_text(rows)

    with pytest.raises(GalleryError, match=says):
        folder_gallery(FolderPlan(folder=folder, tag="t"))


@pytest.mark.skipif(sys.platform == "win32", reason="names are Unicode there")
def test_names_that_are_no_text_or_no_tag_are_served_as_what_is_left_of_them(tmp_path: Path) -> None:
    for name in (b"-~mona", b"ke\xffqing", "モナ".encode(), b"we ird,*cat"):
        (tmp_path / os.fsdecode(name)).mkdir()
        Image.new("RGB", (9, 9), (len(name), name[0], 0)).save(tmp_path / os.fsdecode(name) / os.fsdecode(b"\xfe.png"))

    gallery = folder_gallery(FolderPlan(folder=tmp_path, tag="t", hide=0.0))

    characters = {name for name, tag in gallery.tags.items() if tag.category == 4}
    assert characters == {"mona", "keqing", "モナ", "we_ird__cat"}
    assert len(gallery.posts) == 4


async def test_originals_are_untouched_and_copies_never_larger(folder: Path, opened: Opened) -> None:
    gallery = folder_gallery(FolderPlan(folder=folder, tag="t", posts=1))
    post = next(iter(gallery.posts.values()))

    async with opened(gallery) as (_, client):
        answer = (await client.get(f"/posts/{post.id}.json")).json()
        original = await client.get(answer["file_url"])
        small = await client.get(answer["media_asset"]["variants"][1]["url"])

    facts = gallery.file_of(post)
    assert hashlib.md5(original.content).hexdigest() == facts.md5 == answer["md5"]
    assert Image.open(io.BytesIO(small.content)).size == (32, 24)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_pictures_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(GalleryError, match=name):
        folder_gallery(FolderPlan(folder=tmp_path / name, tag="t"))
