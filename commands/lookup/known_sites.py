"""Which of the gallery's sites a word means: read as a crawl reads it, so that the same words mean the same site."""

from __future__ import annotations

from collections.abc import Sequence

from commands.context.connection import meant_site
from commands.context.settings import Settings
from commands.terminal.suggestions import choose
from crawler.errors import UsageError
from crawler.sites import Site


def known_site(words: str, stored: Sequence[str], settings: Settings) -> str:
    """The name under which the gallery knows the site that the user's words mean.

    Args:
        words: what a crawl would be given as `--site`: a name, or an address however it is written.
        stored: the names of the sites that the gallery has posts of.
    Raises:
        UsageRefused: it has none of that site; suggests what may be meant.
    """
    if words in stored:
        return words
    meant = _site(words, settings)
    for name in stored if meant is not None else ():
        there = _site(name, settings)
        if meant is not None and (name == meant.name or (there is not None and there.api_url == meant.api_url)):
            return name
    return choose("--site", words, stored)


def _site(words: str, settings: Settings) -> Site | None:
    try:
        return meant_site(words, settings)
    except UsageError:
        return None
