"""Which software a site runs, by what it answers to one small request."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable
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
    """Ask the site for one post in the ways that we know; an answer that makes no sense is asked for again first.

    Raises:
        BadSite: it answers to none of them.
        CrawlError: it cannot be reached, or refuses us.
    """
    api = JsonApi(site, http, patience)
    found = (
        await _answer(api, "/posts.json", _posts)
        or await _answer(api, "/post.json", _post)
        or await _answer(api, "/index.php", _gelbooru, page="dapi", s="post", q="index")
    )
    if found is not None:
        return found
    raise BadSite(
        f"{site.name} answers like no site that we can ask; these are spoken: {KNOWN}. "
        'If it is one of them, say which: software = "…" below [sites.NAME] in crawl.toml'
    )


def _posts(body: bytes) -> Software | None:
    """Danbooru lists posts, e621 puts the list into an object."""
    content = _parsed(body)
    if isinstance(content, list):
        return Software.DANBOORU
    return Software.E621 if isinstance(content, dict) and isinstance(content.get("posts"), list) else None


def _post(body: bytes) -> Software | None:
    return Software.MOEBOORU if isinstance(_parsed(body), list) else None


def _gelbooru(body: bytes) -> Software | None:
    """Software 0.2 answers in XML unless JSON is asked for; Gelbooru's own answer without a key is a refusal."""
    for software, rows in ((Software.GELBOORU_02, rows_in_xml), (Software.GELBOORU, rows_in_json)):
        with contextlib.suppress(TransientError):
            rows(body, "post")
            return software
    return None


def _parsed(body: bytes) -> Any:
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body)
    return None


async def _answer(
    api: JsonApi, path: str, meaning: Callable[[bytes], Software | None], **query: str
) -> Software | None:
    """What the answer of one part of an API says of the software; None where it is not offered, or says nothing.

    Raises: CrawlError: the site cannot be reached, or refuses us.
    """

    def read(body: bytes) -> Software:
        software = meaning(body)
        if software is None:
            raise _SaysNothing(f"{path}: an answer of another kind")
        return software

    try:
        return await api.answer(path, {**query, "limit": "1"}, read)
    except AccessError:
        if meaning is _gelbooru:
            return Software.GELBOORU
        raise
    except (NotOffered, NotPermitted, QuestionRefused, _SaysNothing) as error:
        log.info("%s", error)
        return None


class _SaysNothing(TransientError):
    """An answer that arrived and is none of the kind: asked for again, for any site fails at times."""
