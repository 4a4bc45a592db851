"""A gallery of a few posts, served to an HTTP client."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from demo.embedded import Running, ServeOptions, serve
from demo.galleries.gallery import Gallery
from tests.demo.pieces import MONA, STARS, Opened


@pytest.fixture
def gallery() -> Gallery:
    """Tags, links and names, but no posts yet."""
    empty = Gallery()
    for name, category in ((MONA, "character"), (STARS, "character"), ("keqing_(genshin_impact)", "character")):
        empty.add_tag(name, category)
    empty.add_tag("mona_(warioware)", "character")
    empty.add_tag("genshin_impact", "copyright")
    empty.add_tag("someone", "artist")
    empty.add_tag("commentary", "meta")
    empty.add_alias("mona_megistus", MONA)
    empty.add_alias("old_mona", MONA, status="deleted")
    empty.add_implication(STARS, MONA)
    empty.add_wiki(MONA, "An astrologist.", ("莫娜", "モナ"))
    return empty


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Serve a gallery and open a client to it."""

    @contextlib.asynccontextmanager
    async def open_gallery(
        gallery: Gallery, rules: Any = (), **options: Any
    ) -> AsyncIterator[tuple[Running, httpx2.AsyncClient]]:
        settings = ServeOptions(**{"cache": tmp_path / "cache", **options})
        async with serve(gallery, rules, settings) as running:
            async with httpx2.AsyncClient(base_url=running.url, trust_env=False) as client:
                yield running, client
            assert running.server.failures == []

    return open_gallery
