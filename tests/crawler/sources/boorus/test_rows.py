"""Rows of other software as posts: what they state is kept, what makes no sense is refused with its reason."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from crawler.errors import TransientError
from crawler.sites import Software, site_from_url
from crawler.sources.boorus.e621_posts import e621_post
from crawler.sources.boorus.gelbooru_answers import rows_in_json, rows_in_xml
from crawler.sources.boorus.gelbooru_posts import gelbooru_post
from crawler.sources.boorus.moebooru_posts import moebooru_post
from crawler.sources.json_fields import RowRefused
from storage.records import Post, Rating, TagCategory

MD5 = "0123456789abcdef0123456789abcdef"
SITE = site_from_url("https://booru.example", software=Software.E621)
AT = "https://static1.booru.example/data"

E621: dict[str, Any] = {
    "id": 7,
    "created_at": "2024-05-01T12:00:00.000-04:00",
    "updated_at": None,
    "file": {"width": 900, "height": 1200, "ext": "png", "size": 1000, "md5": MD5, "url": f"{AT}/{MD5}.png"},
    "preview": {"width": 112, "height": 150, "url": f"{AT}/preview/{MD5}.jpg"},
    "sample": {"has": True, "width": 638, "height": 850, "url": f"{AT}/sample/{MD5}.jpg"},
    "score": {"up": 5, "down": -2, "total": 3},
    "tags": {"general": ["hat"], "species": ["wolf"], "character": ["mona"], "contributor": ["voice"], "lore": []},
    "flags": {"pending": False, "flagged": True, "deleted": False},
    "rating": "q",
    "fav_count": 9,
    "sources": ["-https://gone.example", "https://here.example"],
    "relationships": {"parent_id": 3, "has_children": True},
    "uploader_id": 12,
    "duration": None,
}
MOEBOORU: dict[str, Any] = {
    "id": 7,
    "tags": "hat mona someone",
    "created_at": 1_700_000_000,
    "creator_id": 12,
    "source": "https://here.example",
    "score": 3,
    "md5": MD5,
    "file_size": 1000,
    "file_url": f"{AT}/{MD5}/yande.re%207%20hat.jpeg",
    "preview_url": f"{AT}/preview/{MD5}.jpg",
    "preview_width": 112,
    "preview_height": 150,
    "sample_url": f"{AT}/sample/{MD5}.jpg",
    "sample_width": 1125,
    "sample_height": 1500,
    "rating": "s",
    "has_children": False,
    "parent_id": None,
    "status": "flagged",
    "width": 1800,
    "height": 2400,
}
GELBOORU: dict[str, Any] = {
    "id": "7",
    "created_at": "Sat Oct 23 18:13:10 -0500 2021",
    "score": "",
    "width": "900",
    "height": "1200",
    "md5": MD5,
    "rating": "safe",
    "source": "",
    "change": "1700000000",
    "creator_id": "12",
    "parent_id": "",
    "tags": " mona d&#039;oro ",
    "has_children": "false",
    "file_url": f"{AT}/{MD5}.jpeg",
    "preview_url": f"{AT}/preview/{MD5}.jpg",
    "preview_width": "187",
    "preview_height": "250",
    "sample": "0",
    "sample_url": "",
    "sample_width": "0",
    "sample_height": "0",
    "status": "active",
}
READERS: dict[str, tuple[dict[str, Any], Callable[[object], Post]]] = {
    "e621": (E621, lambda raw: e621_post(SITE, raw)),
    "moebooru": (MOEBOORU, lambda raw: moebooru_post(SITE, raw, {"mona": "character", "someone": "circle"})),
    "gelbooru": (GELBOORU, lambda raw: gelbooru_post(SITE, raw, {"mona": TagCategory.CHARACTER})),
}


def copies(post: Post) -> list[tuple[str, int]]:
    """Names and widths of its renditions."""
    return [(one.name, one.width) for one in post.renditions]


def test_a_post_of_e621_says_all_that_it_states() -> None:
    post = e621_post(SITE, E621)

    assert (post.rating, post.score, post.fav_count, post.parent_id) == (Rating.QUESTIONABLE, 3, 9, 3)
    assert post.updated_at == post.created_at and post.source == "https://here.example"
    assert post.tags.general == ("hat", "wolf") and post.tags.artist == ("voice",) and post.tags.character == ("mona",)
    assert copies(post) == [("180x180", 112), ("sample", 638), ("original", 900)]
    assert post.is_flagged and post.has_children and not post.is_deleted


def test_a_sample_that_there_is_not_is_no_copy() -> None:
    post = e621_post(SITE, E621 | {"sample": {"has": False, "width": 900, "height": 1200, "url": f"{AT}/{MD5}.png"}})

    assert [one.name for one in post.renditions] == ["180x180", "original"]


def test_a_post_of_a_moebooru_says_all_that_it_states() -> None:
    post = moebooru_post(SITE, MOEBOORU, {"mona": "character", "someone": "circle"})

    assert post.created_at == post.updated_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert (post.rating, post.ext, post.is_flagged) == (Rating.SENSITIVE, "jpg", True)
    assert post.tags.artist == ("someone",) and post.tags.character == ("mona",) and post.tags.general == ("hat",)
    assert [(one.name, one.width) for one in post.renditions] == [
        ("180x180", 112),
        ("sample", 1125),
        ("original", 1800),
    ]


def test_a_sample_that_is_the_original_is_no_copy_of_it() -> None:
    post = moebooru_post(SITE, MOEBOORU | {"sample_url": MOEBOORU["file_url"]}, {})

    assert [one.name for one in post.renditions] == ["180x180", "original"]


def test_a_post_of_gelbooru_says_all_that_it_states() -> None:
    post = gelbooru_post(SITE, GELBOORU, {"mona": TagCategory.CHARACTER})

    assert post.created_at == datetime(2021, 10, 23, 23, 13, 10, tzinfo=UTC) and post.updated_at > post.created_at
    assert (post.rating, post.score, post.ext, post.parent_id) == (Rating.SENSITIVE, 0, "jpg", None)
    assert post.tags.character == ("mona",) and post.tags.general == ("d'oro",)
    assert (
        post.file is not None
        and post.file.size == 0
        and [one.name for one in post.renditions] == ["360x360", "original"]
    )


def test_the_last_change_stands_for_an_upload_that_is_not_stated() -> None:
    row = {key: value for key, value in GELBOORU.items() if key != "created_at"}

    assert gelbooru_post(SITE, row, {}).created_at == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize("kind", list(READERS))
def test_a_file_without_an_address_is_hidden(kind: str) -> None:
    row, read = READERS[kind]
    gone = {"file": E621["file"] | {"url": None}} if kind == "e621" else {"file_url": ""}

    post = read(row | gone)

    assert post.file is None and post.renditions == () and post.hidden_reason == "restricted"


@pytest.mark.parametrize(
    ("kind", "change", "reason"),
    [
        ("e621", {"file": E621["file"] | {"md5": "x"}}, "md5 is 'x'"),
        ("e621", {"file": 3}, "file is 3"),
        ("e621", {"tags": {"general": "hat"}}, "tags of 'general'"),
        ("e621", {"rating": "g?"}, "rating is"),
        ("e621", {"created_at": "yesterday"}, "created_at is 'yesterday'"),
        ("moebooru", {"md5": None}, "md5 is missing"),
        ("moebooru", {"created_at": "2024"}, "created_at is '2024'"),
        ("moebooru", {"file_url": f"{AT}/file.j-g"}, "file_ext is"),
        ("moebooru", {"width": 0}, "width is 0"),
        ("gelbooru", {"rating": "nice"}, "rating is 'nice'"),
        ("gelbooru", {"created_at": "Sat Foo 23 18:13:10 -0500 2021"}, "created_at is"),
        ("gelbooru", {"created_at": "now"}, "created_at is 'now'"),
        ("gelbooru", {"md5": "x"}, "md5 is 'x'"),
        ("gelbooru", {"file_url": "https://x.example/file"}, "file_url is"),
        ("gelbooru", {"width": "wide"}, "width is 'wide'"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_with_its_reason(kind: str, change: dict[str, Any], reason: str) -> None:
    row, read = READERS[kind]

    with pytest.raises(RowRefused, match=reason):
        read(row | change)


@pytest.mark.parametrize("kind", list(READERS))
@pytest.mark.parametrize("raw", [None, [], {}, {"id": 0}], ids=["none", "a list", "nothing in it", "no number"])
def test_what_is_no_row_is_refused(kind: str, raw: object) -> None:
    with pytest.raises(RowRefused):
        READERS[kind][1](raw)


def test_rows_and_their_number_are_read_from_both_forms() -> None:
    one = rows_in_json(b'{"@attributes": {"count": 9}, "post": {"id": 1}}', "post")
    none = rows_in_json(b'{"@attributes": {"count": 0}}', "post")
    two = rows_in_xml(b'<?xml version="1.0"?><posts count="2" offset="0"><post id="2"/><post id="1"/></posts>', "post")

    assert (one.rows, one.total) == (({"id": 1},), 9) and none.rows == ()
    assert (two.rows, two.total) == (({"id": "2"}, {"id": "1"}), 2)


@pytest.mark.parametrize(
    "body",
    [b"", b"<posts>", b"<html></html>", b'<!DOCTYPE a [<!ENTITY b "c">]><posts count="0"/>', b"\xff\xfe"],
    ids=["empty", "cut", "a page", "entities", "no text"],
)
def test_what_is_no_xml_of_posts_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(TransientError, match="is no list"):
        rows_in_xml(body, "post")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"post": []}', b"[" * 100_000], ids=["empty", "a list", "bare", "deep"])
def test_what_is_no_json_of_posts_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(TransientError, match="is no list"):
        rows_in_json(body, "post")
