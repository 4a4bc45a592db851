"""Which software a site runs, by what it answers to one small request."""

from __future__ import annotations

import logging
from typing import Any

from crawler.errors import BadSite, NotOffered, NotPermitted
from crawler.sites import Site, Software
from crawler.sources.json_api import JsonApi
from crawler.transport.http import Http
from crawler.transport.retry import Patience

log = logging.getLogger(__name__)

KNOWN = ", ".join(f'"{one.value}"' for one in Software)


async def software_of(site: Site, http: Http, patience: Patience) -> Software:
    """Ask the site for one post in the ways that we know.

    Raises:
        BadSite: it answers to none of them.
        CrawlError: it cannot be reached, or refuses us.
    """
    api = JsonApi(site, http, patience)
    posts = await _answer(api, "/posts.json")
    if isinstance(posts, list):
        return Software.DANBOORU
    if isinstance(posts, dict) and isinstance(posts.get("posts"), list):
        return Software.E621
    if isinstance(await _answer(api, "/post.json"), list):
        return Software.MOEBOORU
    raise BadSite(
        f"{site.name} answers like no site that we can ask; these are spoken: {KNOWN}. "
        'If it is one of them, say which: software = "…" below [sites.NAME] in crawl.toml'
    )


async def _answer(api: JsonApi, path: str) -> Any:
    """What one part of the API answers, of whatever shape; None where it is not offered."""
    try:
        return await api.json(path, {"limit": "1"}, want=object)
    except (NotOffered, NotPermitted) as error:
        log.info("%s", error)
        return None
