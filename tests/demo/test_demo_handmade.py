"""The dozen of posts for experiments."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from demo_pieces import MONA, Opened
from PIL import Image

from demo.handmade import blank_facts, put_post, store_file, twelve_posts


async def test_the_twelve_posts_hold_one_of_every_kind(opened: Opened, tmp_path: Path) -> None:
    gallery = twelve_posts(tmp_path / "files")

    async with opened(gallery) as (_, client):
        posts = (await client.get("/posts.json?limit=200")).json()
        files = {post["id"]: (await client.get(post["file_url"])).content for post in posts if "file_url" in post}
        previews = [await client.get(v["url"]) for p in posts for v in p["media_asset"].get("variants", [])]
        truth = (await client.get("/demo/truth.json")).json()

    assert [post["id"] for post in posts] == list(range(112, 100, -1))
    assert {post["file_ext"] for post in posts} == {"jpg", "png", "webp", "gif", "avif", "zip", "mp4"}
    assert len(files) == 11
    assert all(hashlib.md5(files[post["id"]]).hexdigest() == post["md5"] for post in posts if "md5" in post)
    assert all(preview.status_code == 200 for preview in previews)
    assert posts[0]["md5"] == posts[-1]["md5"]
    assert truth["102"] == {"characters": [MONA], "hidden": [MONA], "wrong": []}


async def test_a_site_may_publish_a_broken_file(opened: Opened, tmp_path: Path) -> None:
    gallery = twelve_posts(tmp_path / "files")
    key = store_file(gallery, tmp_path / "files", b"no picture at all", blank_facts((90, 90), "jpg"))
    broken = put_post(gallery, key, "genshin_impact")

    async with opened(gallery) as (_, client):
        post = (await client.get(f"/posts/{broken.id}.json")).json()
        original = await client.get(post["file_url"])
        preview = await client.get(post["preview_file_url"])

    assert original.content == b"no picture at all"
    assert preview.status_code == 500


def test_the_same_dozen_is_made_everywhere(tmp_path: Path) -> None:
    first, second = (twelve_posts(tmp_path / name) for name in ("one", "two"))

    assert list(first.posts.values()) == list(second.posts.values())
    with Image.open(io.BytesIO(Path(first.file_of(first.posts[101]).path).read_bytes())) as picture:
        assert picture.size == (72, 96)
