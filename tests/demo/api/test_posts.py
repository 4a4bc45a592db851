"""The post object, its variants, and what each account sees."""

from __future__ import annotations

from pathlib import Path

from demo.galleries.gallery import Gallery
from tests.demo.pieces import MONA, STARS, Opened, add_post, paper_facts, picture_facts

POST_KEYS = {
    "id", "created_at", "uploader_id", "score", "source", "md5", "last_comment_bumped_at", "rating",
    "image_width", "image_height", "tag_string", "fav_count", "file_ext", "last_noted_at", "parent_id",
    "has_children", "approver_id", "tag_count_general", "tag_count_artist", "tag_count_character",
    "tag_count_copyright", "file_size", "up_score", "down_score", "is_pending", "is_flagged", "is_deleted",
    "tag_count", "updated_at", "is_banned", "pixiv_id", "last_commented_at", "has_active_children",
    "bit_flags", "tag_count_meta", "has_large", "has_visible_children", "media_asset", "tag_string_general",
    "tag_string_character", "tag_string_copyright", "tag_string_artist", "tag_string_meta", "file_url",
    "large_file_url", "preview_file_url"
}  # fmt: skip
ASSET_KEYS = {
    "id", "created_at", "updated_at", "md5", "file_ext", "file_size", "image_width", "image_height",
    "duration", "status", "file_key", "is_public", "pixel_hash", "variants"
}  # fmt: skip


async def test_a_post_has_every_key_of_the_site(gallery: Gallery, opened: Opened) -> None:
    add_post(gallery, 1, f"{MONA} genshin_impact 1girl someone commentary", up_score=5, down_score=-2)

    async with opened(gallery) as (_, client):
        post = (await client.get("/posts/1.json")).json()

    assert set(post) == POST_KEYS
    assert set(post["media_asset"]) == ASSET_KEYS
    assert (post["score"], post["tag_count"], post["tag_count_character"]) == (3, 5, 1)
    assert post["created_at"] == "2019-12-31T20:00:00.000-05:00"


async def test_tag_strings_are_sorted_and_add_up(gallery: Gallery, opened: Opened) -> None:
    add_post(gallery, 1, f"{MONA} genshin_impact zebra 1girl")

    async with opened(gallery) as (_, client):
        post = (await client.get("/posts/1.json")).json()

    parts = [post[f"tag_string_{name}"].split() for name in ("general", "artist", "copyright", "character", "meta")]
    assert post["tag_string"].split() == sorted(tag for part in parts for tag in part)
    assert post["tag_string_general"] == "1girl zebra"
    assert post["tag_string_artist"] == post["tag_string_meta"] == ""


async def test_a_banned_post_hides_its_file_from_all_but_approvers(gallery: Gallery, opened: Opened) -> None:
    add_post(gallery, 1, "1girl", is_banned=True)
    add_post(gallery, 2, "1girl", is_deleted=True)

    async with opened(gallery) as (_, client):
        hidden = (await client.get("/posts/1.json", auth=("demo_gold", "demo-gold-key"))).json()
        shown = (await client.get("/posts/1.json", auth=("demo_approver", "demo-approver-key"))).json()
        deleted = (await client.get("/posts/2.json")).json()
        only = (await client.get("/posts/1.json?only=md5,id")).json()

    assert POST_KEYS - set(hidden) == {"md5", "file_url", "large_file_url", "preview_file_url"}
    assert ASSET_KEYS - set(hidden["media_asset"]) == {"md5", "file_key", "variants"}
    assert set(shown) == set(deleted) == POST_KEYS
    assert only == {"id": 1}


async def test_restricted_tags_and_takedowns_hide_by_level(gallery: Gallery, opened: Opened) -> None:
    gallery.restricted_tags = frozenset({"secret"})
    add_post(gallery, 1, "secret")
    add_post(gallery, 2, "1girl", bit_flags=4)
    add_post(gallery, 3, "1girl", rating="s")

    async with opened(gallery) as (_, client):

        async def sees(post: int, name: str, query: str = "") -> bool:
            auth = (f"demo_{name}", f"demo-{name}-key") if name else None
            return "md5" in (await client.get(f"/posts/{post}.json{query}", auth=auth)).json()

        assert [await sees(1, name) for name in ("", "member", "gold")] == [False, False, True]
        assert [await sees(2, name) for name in ("", "gold", "approver")] == [False, False, False]
        assert [await sees(3, "", query) for query in ("", "?safe_mode=true")] == [True, False]


async def test_safe_mode_lists_only_general_posts(gallery: Gallery, opened: Opened) -> None:
    add_post(gallery, 1, "1girl", rating="g")
    add_post(gallery, 2, "1girl", rating="s")

    async with opened(gallery, safe_mode=True) as (_, client):
        rows = (await client.get("/posts.json?tags=1girl")).json()

    assert [row["id"] for row in rows] == [1]


async def test_variants_are_the_sites(gallery: Gallery, opened: Opened) -> None:
    cases = {
        1: paper_facts("a", 850, 1201),
        2: paper_facts("b", 851, 1201, "png"),
        3: paper_facts("c", 100, 50, "webp"),
        4: paper_facts("d", 600, 900, "zip", animated=True, duration=0.36),
        5: paper_facts("e", 1280, 720, "mp4", animated=True, duration=4.0),
        6: paper_facts("f", 800, 600, "swf"),
        7: paper_facts("g", 900, 700, "gif", animated=True, duration=1.0),
    }
    for number, facts in cases.items():
        add_post(gallery, number, "animated_gif" if number == 7 else "1girl", facts)

    async with opened(gallery) as (_, client):
        posts = {post["id"]: post for post in (await client.get("/posts.json")).json()}

    def names(number: int) -> list[str]:
        return [variant["type"] for variant in posts[number]["media_asset"]["variants"]]

    def size(number: int, name: str) -> tuple[int, int, str]:
        one = next(v for v in posts[number]["media_asset"]["variants"] if v["type"] == name)
        return one["width"], one["height"], one["file_ext"]

    small = ["180x180", "360x360", "720x720"]
    assert [names(n) for n in (1, 2)] == [[*small, "original"], [*small, "sample", "original"]]
    assert [names(n) for n in (3, 4)] == [[*small, "full", "original"], [*small, "sample", "original"]]
    assert [names(n) for n in (5, 6, 7)] == [[*small, "original"], ["original"], [*small, "original"]]
    assert size(2, "sample") == (850, 1200, "jpg")
    assert size(2, "720x720") == (510, 720, "webp")
    assert size(3, "360x360") == (100, 50, "jpg")
    assert [posts[n]["has_large"] for n in (1, 2, 4, 5, 7)] == [False, True, True, False, False]
    assert posts[1]["large_file_url"] == posts[1]["file_url"]
    assert "/sample/" in posts[2]["large_file_url"]
    assert "/sample-" in posts[2]["large_file_url"]
    assert posts[4]["file_url"].endswith(".zip")
    assert posts[4]["large_file_url"].endswith(".webm")
    assert posts[5]["media_asset"]["duration"] == 4.0


async def test_only_gives_exactly_the_wanted_fields(gallery: Gallery, opened: Opened) -> None:
    add_post(gallery, 1, f"{MONA} 1girl", ai_tags=((MONA, 88),))
    add_post(gallery, 2, "1girl", parent_id=1)

    async with opened(gallery) as (_, client):

        async def only(post: int, fields: str) -> dict[str, object]:
            return (await client.get(f"/posts/{post}.json", params={"only": fields})).json()

        assert await only(1, "id,rating,no_such_field") == {"id": 1, "rating": "g"}
        assert await only(1, "ai_tags[score,tag[name,category]]") == {
            "ai_tags": [{"score": 88, "tag": {"name": MONA, "category": 4}}]
        }
        assert await only(1, "media_asset[id,duration],has_children") == {
            "media_asset": {"id": 1000001, "duration": None},
            "has_children": True,
        }
        assert await only(2, "id,parent[id]") == {"id": 2, "parent": {"id": 1}}
        assert await only(1, "id,parent[id]") == {"id": 1}
        assert await only(1, "children[id]") == {"children": [{"id": 2}]}


async def test_md5_gives_one_object_and_the_original_has_it(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    facts = picture_facts(tmp_path, (90, 60))
    add_post(gallery, 1, "1girl", facts)
    add_post(gallery, 2, "1girl", facts)

    async with opened(gallery) as (_, client):
        post = (await client.get(f"/posts.json?md5={facts.md5}")).json()
        unknown = await client.get(f"/posts.json?md5={'0' * 32}")

    assert post["md5"] == facts.md5
    assert (unknown.status_code, unknown.json()["error"]) == (404, "ActiveRecord::RecordNotFound")


async def test_ai_tags_have_an_endpoint_of_their_own(gallery: Gallery, opened: Opened) -> None:
    add_post(gallery, 1, "1girl", ai_tags=((MONA, 88), ("1girl", 30)))
    add_post(gallery, 2, "1girl", ai_tags=((MONA, 40),))

    async with opened(gallery) as (_, client):
        rows = (await client.get(f"/ai_tags.json?search[tag_name]={MONA}&search[score]=>=50")).json()
        second = (await client.get("/ai_tags.json?limit=1&page=2&only=score,tag[name]")).json()

    assert rows == [{"media_asset_id": 1000001, "tag_id": 1, "score": 88}]
    assert second == [{"score": 88, "tag": {"name": MONA}}]


async def test_the_posts_change_while_served(gallery: Gallery, opened: Opened) -> None:
    for number in (1, 2, 3):
        add_post(gallery, number, "1girl")

    async with opened(gallery) as (_, client):
        changes = [
            {"edit": 1, "set": {"tags": ["1girl", MONA]}, "touch": True},
            {"edit": 2, "set": {"is_banned": True}},
            {"remove": 3},
            {"copy": 1},
        ]
        assert (await client.post("/demo/posts.json", json=changes)).status_code == 200
        assert (await client.post("/demo/posts.json", json=[{"remove": 77}])).status_code == 422
        changed = (await client.get("/posts.json?tags=order:change")).json()

    assert [post["id"] for post in changed] == [4, 1, 2]
    assert changed[1]["tag_string"] == f"1girl {MONA}"
    assert changed[2]["is_banned"]
    assert gallery.implied([STARS]) == {STARS, MONA}
