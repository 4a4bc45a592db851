"""Where a post can be seen on the web: the pages of the sites that a gallery knows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from commands.places import Place
from commands.sites import own_sites
from crawler.errors import UsageError
from crawler.sites import is_loopback, site_named
from storage.reading import Reader


def site_pages(where: Place, reader: Reader) -> Mapping[str, str]:
    """The address of each site's web pages, by the site's name; no trailing slash. A site that is gone has none."""
    own, pages = own_sites(where.settings), {}
    for name in {listing.site for listing in reader.status().listings}:
        address = _site_address(name)
        with contextlib.suppress(UsageError):
            pages[name] = site_named(name if name in own or address is None else address, own).api_url
    return pages


def _site_address(name: str) -> str | None:
    """A site that was given by its address is called by its host; `None` for one that has a name."""
    if "." not in name and ":" not in name:
        return None
    return f"{'http' if is_loopback(name.partition(':')[0]) else 'https'}://{name}"
