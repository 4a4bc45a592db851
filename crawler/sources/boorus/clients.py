"""The client for a site, by the software that it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

from crawler.sites import Site, Software
from crawler.sources.boorus.e621_client import E621Client
from crawler.sources.boorus.gelbooru_client import GelbooruClient
from crawler.sources.boorus.moebooru_client import MoebooruClient
from crawler.sources.danbooru_client import DanbooruClient
from crawler.sources.site_client import SiteClient
from crawler.transport.http import Http
from crawler.transport.retry import Patience


class _ClientClass(Protocol):
    def __call__(self, *, site: Site, http: Http, patience: Patience, notify: Callable[[str], None]) -> SiteClient: ...


CLIENTS: Mapping[Software, _ClientClass] = MappingProxyType(
    {
        Software.DANBOORU: DanbooruClient,
        Software.E621: E621Client,
        Software.MOEBOORU: MoebooruClient,
        Software.GELBOORU: GelbooruClient,
        Software.GELBOORU_02: GelbooruClient,
    }
)


def client_for(site: Site, http: Http, patience: Patience, notify: Callable[[str], None]) -> SiteClient:
    """A client that speaks as the site does; of a site whose software nobody has named, Danbooru's."""
    return CLIENTS[site.software or Software.DANBOORU](site=site, http=http, patience=patience, notify=notify)
