"""The posts that gallery-dl's files of facts hold: what the site's API answered, with a few keys of its own.

By the sources and the files of 1.32.18: for Danbooru the answer is there whole; for e621, `tags` is one list, and each
category has a list of its own (`tags_character`); Moebooru and Gelbooru do not tell a tag's category with a post.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crawler.sites import Site, Software
from crawler.sources.boorus.e621_posts import CATEGORIES, e621_post
from crawler.sources.danbooru_posts import post_from_json
from crawler.sources.json_fields import RowRefused
from storage.records import Post


class NoPost(ValueError):
    """The facts make no post; says why."""


def post_of_facts(site: Site, facts: Mapping[str, Any]) -> Post:
    """The post of a file of facts of this site.

    Args:
        site: that the facts are of; a site of one's own need not say what it runs.
        facts: as gallery-dl wrote them.

    Raises:
        NoPost: the site's software is none that is read here, or a field makes no sense.
    """
    software = site.software or _software_of(facts)
    if software not in (Software.DANBOORU, Software.E621):
        runs = f"runs {software}" if software is not None else "is neither"
        raise NoPost(f"posts are read of Danbooru's software and e621's, and {site.name} {runs}")
    try:
        if software is Software.E621:
            tags = {name: facts[f"tags_{name}"] for name in CATEGORIES if f"tags_{name}" in facts}
            return e621_post(site, {**facts, "tags": tags})
        return post_from_json(site, dict(facts))
    except RowRefused as refused:  # whose text has the value, another one for each file
        raise NoPost(f"{str(refused).partition(' ')[0]} makes no sense") from None


def _software_of(facts: Mapping[str, Any]) -> Software | None:
    """What answers so; None: neither of the two."""
    if "tag_string_general" in facts:
        return Software.DANBOORU
    return Software.E621 if isinstance(facts.get("file"), dict) and "relationships" in facts else None
