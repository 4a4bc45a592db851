"""Which post a web address is the page of, by the forms that the software of each site has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

from crawler.sites import Site, Software, host_of

_PAGES: Mapping[Software, re.Pattern[str]] = MappingProxyType(
    {
        Software.DANBOORU: re.compile(r"/posts/([1-9][0-9]{0,9})(?:\.json)?/?"),
        Software.E621: re.compile(r"/posts/([1-9][0-9]{0,9})(?:\.json)?/?"),
        Software.MOEBOORU: re.compile(r"/post/show/([1-9][0-9]{0,9})(?:/.*)?"),
    }
)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


def post_at(urls: Iterable[str], sites: Iterable[Site]) -> tuple[str, int] | None:
    """The first of these addresses that is a post's page on a known site: the site's name and the post's number."""
    by_host = {host_of(site).removeprefix("www."): site for site in sites}
    for url in urls:
        try:
            parts = urlsplit(url)
            host = parts.netloc.lower().removeprefix("www.")
        except ValueError:
            continue
        site = by_host.get(host)
        number = None if site is None or site.software is None else _number(site.software, parts.path, parts.query)
        if site is not None and number is not None:
            return site.name, number
    return None


def _number(software: Software, path: str, query: str) -> int | None:
    pattern = _PAGES.get(software)
    if pattern is not None:
        match = pattern.fullmatch(path)
        return int(match[1]) if match else None
    words = parse_qs(query)  # Gelbooru's: /index.php?page=post&s=view&id=123
    number = words.get("id", [""])[0]
    of_a_post = words.get("page") == ["post"] and words.get("s") == ["view"]
    return int(number) if of_a_post and _NUMBER.fullmatch(number) else None
