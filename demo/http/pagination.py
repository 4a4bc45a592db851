"""Pages: limits, numbered pages, and the id cursors `bN` and `aN`."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from demo.accounts import Account
from demo.errors import SiteRefusal


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows of a result are wanted."""

    limit: int
    number: int = 1
    before: int | None = None  # ids below this one
    after: int | None = None  # ids above this one

    @property
    def by_id(self) -> bool:
        """Whether it is an id cursor, which overrides any order."""
        return self.before is not None or self.after is not None


def read_limit(text: str | None, default: int, most: int) -> int:
    """A limit, clamped silently; nonsense counts as 0 and so becomes 1."""
    if text is None:
        return default
    match = re.match(r"\s*[-+]?\d{1,9}", text)
    return max(1, min(most, int(match[0]) if match else 0))


def read_page(text: str | None, limit: int, account: Account) -> PageRequest:
    """The `page` parameter.

    Raises:
        Refusal: 410 beyond the account's highest page number.
    """
    text = (text or "1").strip().lower()
    if match := re.fullmatch(r"([ab])(\d{1,18})", text):
        cursor = int(match[2])
        return PageRequest(limit, before=cursor) if match[1] == "b" else PageRequest(limit, after=cursor)
    number = int(text) if re.fullmatch(r"\d{1,18}", text) else 1
    if number > account.page_limit:
        message = f"You cannot go beyond page {account.page_limit}."
        raise SiteRefusal(410, "PaginationExtension::PaginationError", message)
    return PageRequest(limit, number=max(1, number))


def slice_ids(ids: Sequence[int], page: PageRequest) -> list[int]:
    """The rows of one page, out of ids in the search's order (for a cursor: any order)."""
    if not page.by_id:
        start = (page.number - 1) * page.limit
        return list(islice(ids, start, start + page.limit))
    ascending = sorted(ids)
    if page.before is not None:
        end = bisect.bisect_left(ascending, page.before)
        return ascending[max(0, end - page.limit) : end][::-1]
    start = bisect.bisect_right(ascending, page.after or 0)
    return ascending[start : start + page.limit][::-1]
