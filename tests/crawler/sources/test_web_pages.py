"""Where a post is seen, and its tags edited, at each kind of site."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crawler.sites import BUILTIN, site_from_url
from crawler.sources.web_pages import post_link


@pytest.mark.parametrize(
    ("site", "address"),
    [
        ("danbooru", "https://danbooru.donmai.us/posts/12"),
        ("e621", "https://e621.net/posts/12"),
        ("yandere", "https://yande.re/post/show/12"),
        ("gelbooru", "https://gelbooru.com/index.php?page=post&s=view&id=12"),
        ("safebooru.org", "https://safebooru.org/index.php?page=post&s=view&id=12"),
    ],
)
def test_each_kind_of_site_has_its_own_address_of_a_post(site: str, address: str) -> None:
    assert post_link(BUILTIN[site])(12) == address


def test_a_site_of_unknown_software_is_taken_for_one_like_danbooru() -> None:
    site = replace(site_from_url("http://127.0.0.1:8000"), software=None)

    assert post_link(site)(12) == "http://127.0.0.1:8000/posts/12"
