"""The painted gallery: the same on every machine, its truth complete, and quick to start."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from demo.errors import GalleryError
from demo.galleries.painted import PaintedPlan, painted_gallery
from demo.galleries.painter_pool import PainterPool
from demo.galleries.picture_store import Pictures
from demo.paint.cast import CAST
from demo.paint.file_facts import FileFacts
from demo.paint.files import write_picture
from demo.paint.scene import Figure, Scene, scene_from, scene_key, scene_record
from demo.paint.studio import paint
from tests.demo.pieces import MONA, STARS, Opened

SMALL = Scene(
    seed=3,
    width=60,
    height=80,
    ext="jpg",
    artist="aster_fields",
    backdrop="sky",
    light="day",
    figures=(Figure(character=MONA),),
)


def test_a_scene_gives_the_same_file_every_time(tmp_path: Path) -> None:
    first = write_picture(scene_record(SMALL), tmp_path / "one")
    second = write_picture(scene_record(SMALL), tmp_path / "two")

    assert replace(first, path="") == replace(second, path="")
    assert Path(first.path).read_bytes() == Path(second.path).read_bytes()


def test_another_seed_or_look_gives_another_picture(tmp_path: Path) -> None:
    scenes = [
        SMALL,
        replace(SMALL, light="moon"),
        replace(SMALL, artist="inkcap"),
        replace(SMALL, seed=4, backdrop="night"),
    ]

    assert len({write_picture(scene_record(scene), tmp_path).md5 for scene in scenes}) == 4


@pytest.mark.parametrize("ext", ["jpg", "png", "webp", "gif", "zip", "mp4"])
def test_every_kind_of_file_is_what_it_says(tmp_path: Path, ext: str) -> None:
    facts = write_picture(scene_record(replace(SMALL, ext=ext)), tmp_path)
    content = Path(facts.path).read_bytes()

    assert len(content) == facts.size
    assert (facts.width, facts.height) == (60, 80)
    if ext == "zip":
        with zipfile.ZipFile(io.BytesIO(content)) as frames:
            assert frames.namelist() == ["000000.jpg", "000001.jpg", "000002.jpg"]
        assert facts.delays == (120, 120, 120)
        assert Path(facts.path).with_suffix(".webm").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"
    elif ext == "mp4":
        assert content[4:8] == b"ftyp"
    else:
        assert Image.open(io.BytesIO(content)).size == (60, 80)
    if facts.still:
        with Image.open(facts.still) as still:
            assert still.size == (60, 80)


@pytest.mark.parametrize("character", sorted(CAST))
def test_everybody_can_be_painted_in_every_costume(character: str) -> None:
    for costume in ("", *CAST[character].costumes):
        figure = Figure(character=character, costume=costume, expression="wink", pose="cheer", mirrored=True)
        picture = paint(replace(SMALL, figures=(figure,)))

        assert picture.size == (60, 80)
        assert len(set(picture.convert("L").tobytes())) > 30


def test_two_plans_of_one_seed_are_equal_and_another_seed_differs() -> None:
    one, same, other = (painted_gallery(PaintedPlan(posts=80, seed=seed)) for seed in (1, 1, 2))

    assert list(one.posts.values()) == list(same.posts.values())
    assert list(one.scenes) == list(same.scenes)
    assert set(one.scenes).isdisjoint(other.scenes)


def test_forty_percent_of_mona_is_hidden_and_the_truth_says_where() -> None:
    gallery = painted_gallery(PaintedPlan(posts=1800))
    posts = list(gallery.posts.values())
    monas = [post for post in posts if MONA in post.truth.characters]
    genshin = [post for post in posts if "genshin_impact" in post.tags]

    assert len(posts) == 1800
    assert 0.12 < len(monas) / len(genshin) < 0.2
    assert 0.37 < sum(MONA in post.truth.hidden for post in monas) / len(monas) < 0.43
    assert all((MONA in post.tags) == (MONA not in post.truth.hidden) for post in monas)
    assert all("genshin_impact" in post.tags for post in monas)
    assert all(MONA in post.tags for post in posts if STARS in post.tags)
    assert not any(post.truth.wrong for post in posts)


def test_nothing_is_hidden_or_wrong_unless_asked_for() -> None:
    honest = painted_gallery(PaintedPlan(posts=150, hide=0.0))
    liars = painted_gallery(PaintedPlan(posts=150, hide=0.0, wrong=0.2))

    assert not any(post.truth.hidden for post in honest.posts.values())
    wrong = [post for post in liars.posts.values() if post.truth.wrong]
    assert 0.15 < len(wrong) / 150 < 0.25
    assert all(set(post.truth.wrong) <= set(post.tags) for post in wrong)
    with pytest.raises(GalleryError, match=r"between 0 and 1, got 1\.5"):
        painted_gallery(PaintedPlan(posts=10, hide=1.5))


def test_the_gallery_has_everything_that_real_ones_have() -> None:
    gallery = painted_gallery(PaintedPlan(posts=1800))
    posts = list(gallery.posts.values())

    assert {post.ext for post in posts} == {"jpg", "png", "webp", "gif", "zip", "mp4"}
    assert any(post.is_banned for post in posts)
    assert any(post.is_deleted for post in posts)
    assert any(post.is_pending for post in posts)
    assert any(post.parent_id for post in posts)
    assert any(len(post.truth.characters) > 1 for post in posts)
    assert any(not post.truth.characters for post in posts)
    assert any(not gallery.restricted_tags.isdisjoint(post.tags) for post in posts)
    assert max(Counter(post.picture for post in posts).values()) == 2
    assert len(gallery.unpainted()) == len({post.picture for post in posts})


def test_scenes_survive_json() -> None:
    assert scene_from(scene_record(SMALL)) == SMALL
    assert scene_key(scene_from(scene_record(SMALL))) == scene_key(SMALL)


async def test_a_page_paints_only_what_it_lists_and_a_second_start_paints_nothing(
    opened: Opened, tmp_path: Path
) -> None:
    async def listed() -> tuple[list[str], int]:
        gallery = painted_gallery(PaintedPlan(posts=12))
        for key, scene in gallery.scenes.items():
            gallery.scenes[key] = {**scene, "width": 60, "height": 80}
        async with opened(gallery) as (running, client):
            remembered = len(running.gallery.files)
            posts = (await client.get("/posts.json?limit=2&only=id,file_size,media_asset[md5,pixel_hash]")).json()
            assert len(running.gallery.files) <= max(2, remembered)
            return [post["media_asset"]["pixel_hash"] for post in posts], remembered

    first, second = await listed(), await listed()

    assert first[0] == second[0]
    assert (first[1], second[1]) == (0, 2)


async def test_an_incomplete_line_in_the_catalogue_costs_one_picture(tmp_path: Path) -> None:
    def small_pictures() -> Pictures:
        gallery = painted_gallery(PaintedPlan(posts=4))
        for key, scene in gallery.scenes.items():
            gallery.scenes[key] = {**scene, "width": 40, "height": 50}
        return Pictures(gallery, tmp_path, PainterPool(0))

    first = small_pictures()
    await first.ready(first.gallery.unpainted())
    catalogue = first.folder / "catalogue.jsonl"
    catalogue.write_text(catalogue.read_text()[:-40])
    second = small_pictures()

    assert second.remember() == len(first.gallery.files) - 1
    await second.ready(second.gallery.unpainted())
    facts: list[FileFacts] = list(second.gallery.files.values())
    assert {one.md5 for one in facts} == {one.md5 for one in first.gallery.files.values()}


async def test_painters_in_processes_paint_the_same(tmp_path: Path) -> None:
    pool = PainterPool(1)
    try:
        answer = await pool.do({"do": "paint", "scene": scene_record(SMALL), "folder": str(tmp_path / "there")})
    finally:
        await pool.close()

    assert answer["md5"] == write_picture(scene_record(SMALL), tmp_path / "here").md5
