from datetime import UTC, datetime
from typing import Any

import pytest

from crawler.sites import BUILTIN
from crawler.sources.danbooru_posts import post_from_json
from crawler.sources.json_fields import RowRefused
from storage.records import AiTag, PostTags, Rating
from tests.crawler.scenes import ELSEWHERE, MD5, hidden, raw_post


def refusal(raw: Any) -> RowRefused:
    with pytest.raises(RowRefused) as caught:
        post_from_json(ELSEWHERE, raw)
    return caught.value


def test_a_row_becomes_a_record() -> None:
    post = post_from_json(ELSEWHERE, raw_post(7))

    assert (post.site, post.id, post.rating, post.score) == ("elsewhere", 7, Rating.GENERAL, -2)
    assert post.created_at == datetime(2024, 5, 1, 16, 0, tzinfo=UTC)
    assert post.tags == PostTags(
        general=("hat", "solo"),
        copyright=("genshin_impact",),
        character=("mona_(genshin_impact)",),
        meta=("highres",),
    )
    assert post.file is not None and post.file.size == 1000 and post.file.md5 == f"{7:032x}"
    assert [rendition.name for rendition in post.renditions] == ["180x180", "720x720", "original"]
    assert post.ai_tags == (AiTag("mona_(genshin_impact)", 93),)
    assert post.hidden_reason is None


def test_the_same_instant_in_two_offsets_is_the_same_time() -> None:
    summer = post_from_json(ELSEWHERE, raw_post(1, created_at="2024-05-01T12:00:00.000-04:00"))
    winter = post_from_json(ELSEWHERE, raw_post(2, created_at="2024-05-01T11:00:00.000-05:00"))

    assert summer.created_at == winter.created_at


@pytest.mark.fault("H17")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_banned": True}, "banned"),
        ({"bit_flags": 5}, "takedown"),
        ({"bit_flags": 1}, "restricted"),
        ({}, "restricted"),
    ],
)
def test_a_hidden_post_is_kept_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    post = post_from_json(ELSEWHERE, hidden(3, **changes))

    assert post.file is None and post.renditions == () and post.hidden_reason == reason
    assert post.tags.character == ("mona_(genshin_impact)",) and post.width == 900


@pytest.mark.fault("H17")
def test_what_a_safe_site_hides_has_that_as_its_reason() -> None:
    assert post_from_json(BUILTIN["safebooru"], hidden(3, rating="e")).hidden_reason == "safe_mode"


@pytest.mark.fault("J06")
@pytest.mark.parametrize(
    "missing", ["score", "source", "uploader_id", "media_asset", "ai_tags", "tag_string_meta", "bit_flags", "fav_count"]
)
def test_a_row_survives_what_a_sibling_site_leaves_out(missing: str) -> None:
    row = raw_post(4)
    del row[missing]

    assert post_from_json(ELSEWHERE, row).file is not None


@pytest.mark.fault("J06")
@pytest.mark.parametrize("missing", ["file_size", "image_width", "file_ext"])
def test_a_file_that_is_not_described_is_not_fetched(missing: str) -> None:
    row = raw_post(4)
    del row[missing]

    post = post_from_json(ELSEWHERE, row)

    assert post.file is None and post.hidden_reason == "unknown"


@pytest.mark.fault("J06")
def test_odd_but_harmless_rows_are_kept() -> None:
    post = post_from_json(
        ELSEWHERE,
        raw_post(
            5,
            media_asset=None,
            ai_tags=[None, {"score": 200, "tag": {"name": "x"}}, {"score": 1}],
            file_ext="xyz",
            unknown_key=[1],
            tag_string_general="",
            has_children=None,
        ),
    )

    assert post.ext == "xyz" and post.ai_tags == () and post.tags.general == ()
    assert [rendition.name for rendition in post.renditions] == ["original"]


@pytest.mark.fault("J07")
@pytest.mark.parametrize(
    "raw",
    [
        None,
        3,
        [],
        "post",
        {},
        {"id": "7"},
        {"id": True},
        {"id": 0},
        {"id": -4},
        {"id": 7.0},
        {"id": 2**70},
        {"id": float("nan")},
    ],
)
def test_a_row_without_a_usable_id_is_refused(raw: Any) -> None:
    assert refusal(raw).row.post_id is None


@pytest.mark.fault("J07")
@pytest.mark.parametrize(
    "changes",
    [
        {"file_size": None},
        {"file_size": -1},
        {"file_size": 0},
        {"file_size": 2**70},
        {"file_size": "1000"},
        {"file_size": 1e3},
        {"image_width": 0},
        {"image_height": float("inf")},
        {"image_width": 2**40},
        {"md5": "../../x"},
        {"md5": "A" * 32},
        {"md5": MD5 + "\n"},
        {"md5": 7},
        {"file_ext": "jpg/../../y"},
        {"file_ext": "php\0jpg"},
        {"file_ext": ""},
        {"file_ext": None},
        {"rating": "x"},
        {"rating": ["g"]},
        {"created_at": "yesterday"},
        {"created_at": "2024-05-01T12:00:00"},
        {"created_at": 17},
        {"created_at": "0001-01-01T00:00:00+14:00"},
        {"score": "1"},
        {"score": float("nan")},
        {"parent_id": -3},
        {"is_banned": "no"},
        {"tag_string_general": ["a"]},
        {"tag_string_general": "x" * 5000},
        {"file_url": 5},
        {"file_url": "https://a/\x1b[2J"},
    ],
)
def test_a_row_of_wrong_values_is_refused_with_its_reason(changes: dict[str, Any]) -> None:
    refused = refusal(raw_post(6) | changes)

    assert refused.row.post_id == 6
    assert next(iter(changes)).removeprefix("file_").removeprefix("image_") in refused.row.reason
    assert refused.row.reason.isprintable() and len(refused.row.reason) < 200


@pytest.mark.fault("J08")
def test_hostile_text_is_stored_as_data() -> None:
    post = post_from_json(
        ELSEWHERE,
        raw_post(8, tag_string_general='a"b <script> \x1b[2J \u202erev \ud800x \0', source="s" * 1_000_000),
    )

    assert "<script>" in post.tags.general
    assert len(post.source) == 4096
    assert " ".join(post.tags.general).encode("utf-8")  # a lone surrogate could not be stored
    assert not any("\0" in tag for tag in post.tags.general)


@pytest.mark.parametrize(
    ("stated", "absolute"),
    [
        ("/data/a.jpg", "https://booru.example/data/a.jpg"),
        ("//cdn.booru.example/a.jpg", "https://cdn.booru.example/a.jpg"),
        ("https://cdn.booru.example/a.jpg", "https://cdn.booru.example/a.jpg"),
    ],
)
def test_addresses_are_made_absolute(stated: str, absolute: str) -> None:
    post = post_from_json(ELSEWHERE, raw_post(9, file_url=stated))

    assert post.file is not None and post.file.url == absolute


@pytest.mark.fault("H20")
def test_a_foreign_file_host_is_recorded_and_left_to_the_downloader_to_refuse() -> None:
    post = post_from_json(ELSEWHERE, raw_post(9, file_url="https://evil.example/a.jpg"))

    assert post.file is not None and ELSEWHERE.why_not(post.file.url) is not None
