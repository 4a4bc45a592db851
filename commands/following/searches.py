"""Which searches a sync follows: those that were crawled, or those of `[[follow]]`; and which of them are due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from commands.context.connection import site_not_asked
from commands.context.settings import FollowEntry, Settings
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.following.words import every_tag
from crawler.errors import UsageError
from crawler.sources.query_plan import crawl_terms
from storage.errors import QueryError
from storage.following.records import FollowedSearch
from storage.names import as_the_site_writes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A search that may be followed."""

    search: FollowedSearch | None  # None: an entry of the settings that was never crawled
    site: str  # by name or address
    entry: FollowEntry = field(default_factory=FollowEntry)  # of the settings; empty where they name no searches

    @property
    def label(self) -> str:
        """The search for people."""
        return f"{self.query} keep {' '.join(self.targets)} ({self.site})"

    @property
    def query(self) -> str:
        """As it is recorded, or as the settings have it."""
        return self.entry.tag if self.search is None else self.search.query

    @property
    def targets(self) -> tuple[str, ...]:
        """Names, or what the settings say to keep."""
        return tuple(self.entry.keep.split()) if self.search is None else self.search.targets

    def due(self, now: datetime) -> bool:
        """Whether it is time to follow it."""
        state = self.search.state if self.search is not None else None
        return state is None or state.due_at <= now

    def named_by(self, word: str) -> bool:
        """Whether a word of the user means it: a tag of its search, one of its targets, or the whole search."""
        entry, search = self.entry, self.search
        names = {*entry.tag.split(), *entry.keep.split()}
        names |= {search.query, *every_tag(search.query), *search.targets} if search is not None else set()
        return word in names or as_the_site_writes(word) in names


def check_entries(settings: Settings) -> None:
    """Refuse terms in `[[follow]]` that cannot be meant, before anything is asked.

    Raises:
        UsageRefused: names the entry.
    """
    for number, entry in enumerate(settings.follow, start=1):
        try:
            crawl_terms(entry.where, entry.rating)
        except (QueryError, UsageError) as error:
            raise UsageRefused(f"[[follow]], entry {number} ({entry.tag}): {error}") from None


def candidates(searches: Sequence[FollowedSearch], workspace: Workspace) -> Sequence[Candidate]:
    """The searches that a sync knows, the most overdue first.

    Args:
        searches: that were crawled.
        workspace: the settings, and the site where an entry names none.
    """
    entries = workspace.settings.follow
    found = [_of_entry(entry, searches, workspace) for entry in entries]
    if not entries:
        found = [Candidate(search, search.site) for search in searches if search.targets]
    return sorted(found, key=_overdue)


def _overdue(candidate: Candidate) -> tuple[bool, float]:
    state = candidate.search.state if candidate.search is not None else None
    return (state is not None, state.due_at.timestamp() if state is not None else 0.0)


def _of_entry(entry: FollowEntry, searches: Sequence[FollowedSearch], workspace: Workspace) -> Candidate:
    site = entry.site.strip() or workspace.site
    name = site_not_asked(replace(workspace, site=site)).name
    wanted = words_of(entry)
    same = [one for one in searches if one.settings.get("typed") == wanted and one.site == name]
    return Candidate(same[-1] if same else None, site, entry)


def words_of(entry: FollowEntry) -> dict[str, Any]:
    """An entry in the words that a crawl of it records."""
    return {
        "tags": sorted(entry.tag.split()),
        "keep": sorted(entry.keep.split()),
        "where": entry.where.strip(),
        "rating": entry.rating.strip(),
    }


def chosen(found: Sequence[Candidate], names: Sequence[str], root: str) -> Sequence[Candidate]:
    """The candidates that the user means.

    Args:
        found: all of them.
        names: as typed; none: all.
        root: of the gallery, for messages.
    Raises:
        UsageRefused: there is nothing to follow, or nothing of that name.
    """
    if not found:
        raise UsageRefused(
            f"{root}: no search was crawled here yet, so there is nothing to follow; crawl one first "
            "(crawl --tag genshin_impact --keep mona), or name searches in [[follow]] of crawl.toml"
        )
    for name in names:
        if not any(one.named_by(name) for one in found):
            known = ", ".join(dict.fromkeys(one.label for one in found))
            raise UsageRefused(f"no search that is followed has {name!r}; there are: {known}")
    return [one for one in found if not names or any(one.named_by(name) for name in names)]
