"""The posts that gallery-dl's files of facts hold: what the site's API answered, with a few keys of its own.

By the sources and the files of 1.32.18: for Danbooru the answer is there whole; for e621, `tags` is one list, and each
category has a list of its own (`tags_character`). Moebooru and Gelbooru tell no tag's category with a post; with
gallery-dl's option `tags=true` each category that the post's page has is a text of its own beside `tags`. Of Gelbooru
0.2, all facts are texts, as in the XML that they come from.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from crawler.sites import Site, Software
from crawler.sources.boorus.e621_posts import CATEGORIES, e621_post
from crawler.sources.boorus.gelbooru_posts import gelbooru_post
from crawler.sources.boorus.moebooru_posts import moebooru_post
from crawler.sources.danbooru_posts import post_from_json
from crawler.sources.json_fields import RowRefused
from storage.records import Post, TagCategory

Facts = Mapping[str, Any]

_GELBOORU_WORDS: Mapping[str, TagCategory] = MappingProxyType(
    {"metadata": TagCategory.META, **{category.value: category for category in TagCategory}}
)


class NoPost(ValueError):
    """The facts make no post; says why."""


def post_of_facts(site: Site, facts: Facts) -> Post:
    """The post of a file of facts of this site.

    Args:
        site: that the facts are of; a site of one's own need not say what it runs.
        facts: as gallery-dl wrote them.

    Raises:
        NoPost: the facts are in no site's form that is known, or a field makes no sense.
    """
    software = site.software or _software_of(facts)
    if software is None:
        raise NoPost(f'the form of these facts is not known: say software = "…" below [sites.{site.name}]')
    try:
        return _READERS[software](site, facts)
    except RowRefused as refused:  # whose text has the value, another one for each file
        raise NoPost(f"{str(refused).partition(' ')[0]} makes no sense") from None


def _danbooru(site: Site, facts: Facts) -> Post:
    return post_from_json(site, dict(facts))


def _e621(site: Site, facts: Facts) -> Post:
    tags = {name: facts[f"tags_{name}"] for name in CATEGORIES if f"tags_{name}" in facts}
    return e621_post(site, {**facts, "tags": tags})


def _moebooru(site: Site, facts: Facts) -> Post:
    return moebooru_post(site, dict(facts), _words_of_tags(facts))


def _gelbooru(site: Site, facts: Facts) -> Post:
    kinds = {tag: _GELBOORU_WORDS.get(word, TagCategory.GENERAL) for tag, word in _words_of_tags(facts).items()}
    return gelbooru_post(site, dict(facts), kinds)


_READERS: Mapping[Software, Callable[[Site, Facts], Post]] = MappingProxyType(
    {
        Software.DANBOORU: _danbooru,
        Software.E621: _e621,
        Software.MOEBOORU: _moebooru,
        Software.GELBOORU: _gelbooru,
        Software.GELBOORU_02: _gelbooru,
    }
)


def _words_of_tags(facts: Facts) -> Mapping[str, str]:
    """Each tag's category in the site's words, where gallery-dl read the post's page."""
    prefix = "tags_"
    texts = {key.removeprefix(prefix): text for key, text in facts.items() if key.startswith(prefix)}
    return {tag: word for word, text in texts.items() if isinstance(text, str) for tag in html.unescape(text).split()}


def _software_of(facts: Facts) -> Software | None:
    """What answers so; None: none that is known."""
    if "tag_string_general" in facts:
        return Software.DANBOORU
    if isinstance(facts.get("file"), dict) and "relationships" in facts:
        return Software.E621
    if not isinstance(facts.get("tags"), str) or "change" not in facts:
        return None
    if type(facts.get("created_at")) is int:
        return Software.MOEBOORU
    return Software.GELBOORU_02 if isinstance(facts.get("id"), str) else Software.GELBOORU
