"""Records of searches that are followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

GONE = "gone"  # `hidden_reason` of a post that the site has no more


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowState:
    """How a search is followed; times have a zone."""

    interval: timedelta
    due_at: datetime
    synced_at: datetime | None = None  # when a sync last came to its end
    changed_since: datetime | None = None  # in the site's time: everything that changed before has been read
    stale_before: datetime | None = None  # what was read before is to be read again
    removals_at: datetime | None = None  # when the list of what was taken down was read
    new: int = 0  # posts that the last sync brought
    changed: int = 0  # posts of which it found something changed


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedSearch:
    """A search that was crawled, by what its last crawl was told."""

    listing_id: int
    site: str
    query: str  # in the site's language; a part after ` && ` is checked here
    targets: tuple[str, ...]  # names
    settings: Mapping[str, Any] = field(default_factory=dict)  # of that crawl
    posts: int = 0  # that it has listed
    complete: bool = True  # whether the walk has come to the oldest post
    cursor: int | None = None  # where an unfinished walk goes on; None: at the newest post
    highest: int | None = None  # id that it has listed
    state: FollowState | None = None  # None: it was never followed
