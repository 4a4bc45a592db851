"""Files: whole, in parts, smaller copies, and under other names."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image

from demo.galleries.gallery import Gallery
from tests.demo.pieces import Opened, add_post, content_of, picture_facts


async def test_the_original_is_the_very_file(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    facts = picture_facts(tmp_path, (900, 600))
    add_post(gallery, 1, "1girl", facts)

    async with opened(gallery) as (_, client):
        post = (await client.get("/posts/1.json")).json()
        file = await client.get(post["file_url"])
        path = f"/original/{facts.md5[:2]}/{facts.md5[2:4]}"
        slugged = await client.get(f"{path}/__mona_drawn_by_someone__{facts.md5}.jpg")
        below_data = await client.get(f"/data{path}/{facts.md5}.jpg")
        download = await client.get(f"{path}/{facts.md5}.jpg?download=1")
        head = await client.head(f"{path}/{facts.md5}.jpg")

    assert hashlib.md5(file.content).hexdigest() == post["md5"] == facts.md5
    assert len(file.content) == post["file_size"]
    assert slugged.content == below_data.content == file.content
    assert "attachment" in download.headers["content-disposition"]
    assert (head.content, head.headers["content-length"]) == (b"", str(facts.size))


async def test_variants_have_the_announced_size_and_format(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    for number, (size, ext) in enumerate({(900, 600): "jpg", (60, 90): "webp", (300, 200): "png"}.items(), 1):
        add_post(gallery, number, "1girl", picture_facts(tmp_path, size, ext))

    async with opened(gallery) as (_, client):
        for post in (await client.get("/posts.json")).json():
            for variant in post["media_asset"]["variants"]:
                answer = await client.get(variant["url"])
                picture = Image.open(io.BytesIO(answer.content))
                assert picture.size == (variant["width"], variant["height"])
                assert picture.format == {"jpg": "JPEG", "webp": "WEBP", "png": "PNG"}[variant["file_ext"]]


async def test_a_part_of_a_file_can_be_asked_for(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    facts = picture_facts(tmp_path, (90, 60))
    add_post(gallery, 1, "1girl", facts)
    whole = content_of(facts)

    async with opened(gallery) as (_, client):
        url = (await client.get("/posts/1.json")).json()["file_url"]
        tag = (await client.get(url)).headers["etag"]

        async def part(span: str, **headers: str) -> tuple[int, bytes, str | None]:
            answer = await client.get(url, headers={"Range": span, **headers})
            return answer.status_code, answer.content, answer.headers.get("content-range")

        size = len(whole)
        assert await part("bytes=100-199") == (206, whole[100:200], f"bytes 100-199/{size}")
        assert await part("bytes=100-") == (206, whole[100:], f"bytes 100-{size - 1}/{size}")
        assert await part("bytes=-50") == (206, whole[-50:], f"bytes {size - 50}-{size - 1}/{size}")
        assert await part(f"bytes={size}-") == (416, b"", f"bytes */{size}")
        assert await part("bytes=0-1,5-6") == (200, whole, None)
        assert (await part("bytes=5-", **{"If-Range": tag}))[0] == 206
        assert await part("bytes=5-", **{"If-Range": '"other"'}) == (200, whole, None)
        assert (await client.get(url, headers={"If-None-Match": tag})).status_code == 304


async def test_names_that_were_never_issued_are_not_found(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    facts = picture_facts(tmp_path, (90, 60))
    add_post(gallery, 1, "1girl", facts)
    first, second = facts.md5[:2], facts.md5[2:4]

    async with opened(gallery) as (_, client):
        for path in (
            f"/original/{'0' * 2}/{'0' * 2}/{'0' * 32}.jpg",
            f"/original/{first}/{second}/{facts.md5}.png",
            f"/sample/{first}/{second}/sample-{facts.md5}.jpg",
            f"/original/00/{second}/{facts.md5}.jpg",
            "/original/../../etc/passwd",
            "/original/%2e%2e/%2e%2e/etc/passwd",
        ):
            assert (await client.get(path)).status_code == 404


async def test_files_may_live_on_another_host(gallery: Gallery, opened: Opened, tmp_path: Path) -> None:
    add_post(gallery, 1, "1girl", picture_facts(tmp_path, (90, 60)))

    async with opened(gallery, media_host="127.0.0.2") as (running, client):
        url = (await client.get("/posts/1.json")).json()["file_url"]
        answer = await client.get(url)

    assert url.startswith("http://127.0.0.2:")
    assert answer.status_code == 200
    assert running.requests[-1]["host"] == "127.0.0.2"
