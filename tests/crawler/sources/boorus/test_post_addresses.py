"""Pages of posts, by the address that people save with a file."""

from __future__ import annotations

import pytest

from crawler.sites import BUILTIN, Software, site_from_url
from crawler.sources.boorus.post_addresses import post_at

OWN = site_from_url("http://127.0.0.1:8000", name="mine", software=Software.DANBOORU)
SITES = [*BUILTIN.values(), OWN]


@pytest.mark.parametrize(
    ("url", "post"),
    [
        ("https://danbooru.donmai.us/posts/12?q=mona", ("danbooru", 12)),
        ("https://danbooru.donmai.us/posts/12.json", ("danbooru", 12)),
        ("https://e621.net/posts/5", ("e621", 5)),
        ("https://yande.re/post/show/7/mona-hat", ("yandere", 7)),
        ("https://gelbooru.com/index.php?page=post&s=view&id=9", ("gelbooru", 9)),
        ("https://www.safebooru.org/index.php?id=9&page=post&s=view", ("safebooru.org", 9)),
        ("http://127.0.0.1:8000/posts/3", ("mine", 3)),
    ],
)
def test_the_page_of_a_post_is_that_post(url: str, post: tuple[str, int]) -> None:
    assert post_at(["https://elsewhere.example/posts/1", url], SITES) == post


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.donmai.us/original/ab/cd/abcd.jpg",
        "https://danbooru.donmai.us/pools/12",
        "https://danbooru.donmai.us/posts/0",
        "https://gelbooru.com/index.php?page=pool&s=view&id=9",
        "https://gelbooru.com/index.php?page=post&s=view&id=x",
        "https://[",
        "",
    ],
)
def test_any_other_address_is_none(url: str) -> None:
    assert post_at([url], SITES) is None
