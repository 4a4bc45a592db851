"""Which software a site runs, by what it answers to one small request."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any

from crawler.errors import AccessError, BadSite, NotOffered, NotPermitted, QuestionRefused, TransientError
from crawler.sites import Site, Software
from crawler.sources.boorus.gelbooru_answers import rows_in_json, rows_in_xml
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
    gelbooru = await _gelbooru(api)
    if gelbooru is not None:
        return gelbooru
    raise BadSite(
        f"{site.name} answers like no site that we can ask; these are spoken: {KNOWN}. "
        'If it is one of them, say which: software = "…" below [sites.NAME] in crawl.toml'
    )


async def _gelbooru(api: JsonApi) -> Software | None:
    """Which of Gelbooru's two, if any; the one with JSON refuses whoever brings no key, and says so by 401."""

    def read(body: bytes) -> Software | None:
        for software, rows in ((Software.GELBOORU_02, rows_in_xml), (Software.GELBOORU, rows_in_json)):
            with contextlib.suppress(TransientError):
                rows(body, "post")
                return software
        return None

    try:
        return await api.answer("/index.php", {"page": "dapi", "s": "post", "q": "index", "limit": "1"}, read)
    except AccessError:
        return Software.GELBOORU
    except (NotOffered, NotPermitted, QuestionRefused) as error:
        log.info("%s", error)
        return None


async def _answer(api: JsonApi, path: str) -> Any:
    """What one part of the API answers, of whatever shape; None where it is not offered, or no JSON."""

    def read(body: bytes) -> Any:
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(body)
        return None

    try:
        return await api.answer(path, {"limit": "1"}, read)
    except (NotOffered, NotPermitted, QuestionRefused) as error:
        log.info("%s", error)
        return None
