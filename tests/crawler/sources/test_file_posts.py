"""What a download's name, and the file of facts beside it, say of its post."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crawler.sources.file_posts import LARGEST_SIDECAR, post_hint
from storage.records import PostTags

MD5 = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("name", "md5s", "site", "number"),
    [
        (f"{MD5}.jpg", (MD5,), "", None),
        (f"12345_{MD5}.png", (MD5,), "", None),
        (f"danbooru_12345_{MD5}.jpg", (MD5,), "danbooru", 12345),
        (f"__mona_drawn_by_x__{MD5}.jpg", (MD5,), "", None),
        ("danbooru_12345_sample.jpg", (), "danbooru", 12345),
        ("danbooru_12345.jpg", (), "danbooru", 12345),
        (f"{MD5}a.jpg", (), "", None),
        (f"{MD5.upper()}.jpg", (), "", None),
        ("IMG_20240101_120000.jpg", (), "IMG", 20240101),
        ("12345.jpg", (), "", None),
        ("mona.jpg", (), "", None),
    ],
)
def test_names(tmp_path: Path, name: str, md5s: tuple[str, ...], site: str, number: int | None) -> None:
    hint = post_hint(tmp_path / name)

    assert (hint.md5s, hint.site, hint.post_id, hint.tags) == (md5s, site, number, None)


def beside(tmp_path: Path, facts: Any, name: str = "1.jpg.json") -> PostTags | None:
    (tmp_path / name).write_text(facts if isinstance(facts, str) else json.dumps(facts), encoding="utf-8")
    return post_hint(tmp_path / "1.jpg").tags


@pytest.mark.parametrize("name", ["1.jpg.json", "1.json"])
def test_both_forms_of_tags_are_read(tmp_path: Path, name: str) -> None:
    facts = {"tags": ["1girl", "mona", "hat"], "tag_string_character": "mona", "tag_string_general": "1girl"}

    assert beside(tmp_path, facts, name) == PostTags(general=("1girl", "hat"), character=("mona",))


@pytest.mark.parametrize(
    ("facts", "tags"),
    [
        ({"tag_string": "a b"}, PostTags(general=("a", "b"))),
        ({"tags": "a b"}, PostTags(general=("a", "b"))),
        ({"tags_character": ["mona"], "tags": ["mona", "x"]}, PostTags(general=("x",), character=("mona",))),
        ({"tags": [1, None, "a b", ""]}, None),
        ({"tags": {"a": 1}}, None),
        ({}, None),
        ("[1]", None),
        ("not json", None),
        ("[" * 100_000, None),
    ],
)
def test_what_makes_no_sense_says_nothing(tmp_path: Path, facts: Any, tags: PostTags | None) -> None:
    assert beside(tmp_path, facts) == tags


def test_number_and_md5_of_the_facts_count_with_the_site_that_they_name(tmp_path: Path) -> None:
    beside(tmp_path, {"id": 77, "category": "danbooru", "md5": MD5})

    hint = post_hint(tmp_path / "1.jpg")

    assert (hint.site, hint.post_id, hint.md5s) == ("danbooru", 77, (MD5,))


def test_a_giant_file_of_facts_is_not_read(tmp_path: Path) -> None:
    assert beside(tmp_path, json.dumps({"tags": ["a"]}) + " " * LARGEST_SIDECAR) is None
