"""What clients share whose sites follow aliases in a search by themselves, but tell nobody of any names or links."""

from __future__ import annotations

from collections.abc import Iterable

from crawler.sources.site_client import ALIASES, IMPLICATIONS, Implication, Profile, Wiki


class NoTagLinks:
    """The part of `SiteClient` that such a site cannot answer."""

    __slots__ = ()

    async def aliases(self, name: str) -> list[str]:
        """The site tells of none."""
        return []

    async def aliases_to(self, names: Iterable[str]) -> dict[str, str]:
        """The site tells of none."""
        return {}

    async def aliases_of(self, names: Iterable[str]) -> dict[str, str]:
        """The site tells of none."""
        return {}

    async def implications(self, *, to: str) -> list[Implication]:
        """The site tells of none."""
        return []

    async def wikis_by_other_name(self, text: str) -> list[Wiki]:
        """The site's wiki cannot be asked for other names."""
        return []

    async def profile(self) -> Profile | None:
        """None: the site tells nobody whom it takes them for; a key that it refuses fails with the first request."""
        return None

    def lacks(self, path: str) -> bool:
        """Aliases and implications are not told by this software."""
        return path in (ALIASES, IMPLICATIONS)
