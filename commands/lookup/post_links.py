"""Where a post can be seen on the web: the pages of the sites that a gallery knows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from commands.context.connection import meant_site
from commands.context.workspace import Workspace
from crawler.errors import UsageError
from storage.reader import Reader


def site_pages(workspace: Workspace, reader: Reader) -> Mapping[str, str]:
    """The address of each site's web pages, by the site's name; no trailing slash. A site that is gone has none."""
    pages = {}
    for name in {listing.site for listing in reader.status().listings}:
        with contextlib.suppress(UsageError):
            pages[name] = meant_site(name, workspace.settings).api_url
    return pages
