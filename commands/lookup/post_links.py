"""Where a post can be seen on the web: the pages of the sites that a gallery knows."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TypeAlias

from commands.context.connection import meant_site
from commands.context.workspace import Workspace
from crawler.errors import UsageError
from crawler.sources.web_pages import PostLink, post_link
from storage.reader import Reader
from storage.reports.post_facts import known_sites

PostLinks: TypeAlias = Mapping[str, PostLink]  # by the site's name


def post_links(workspace: Workspace, reader: Reader) -> PostLinks:
    """The addresses of each site's posts. A site that is gone, such as the demo's, has none."""
    links = {}
    for name in reader.ask(known_sites):
        with contextlib.suppress(UsageError):
            links[name] = post_link(meant_site(name, workspace.settings))
    return links


def link_of(links: PostLinks, site: str, post_id: int) -> str:
    """The address of a post's page; "" where the site has none."""
    return links[site](post_id) if site in links else ""
