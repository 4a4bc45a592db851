"""What became of each followed search: lines that fit a mail, and one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from commands.terminal.exit_codes import ExitCode, worst
from crawler.following.changes import Change, ChangeTally
from crawler.tally import Outcome, Tally
from storage.plurals import counted


@dataclass(slots=True, kw_only=True)
class SearchReport:
    """One search's sync."""

    site: str
    query: str
    targets: tuple[str, ...]
    changes: ChangeTally = field(default_factory=ChangeTally)
    tally: Tally = field(default_factory=Tally)
    listing_requests: int = 0  # to the API
    requests: int = 0  # files included
    seconds: float = 0.0
    due_at: datetime | None = None  # the next time
    interval: timedelta | None = None
    stale: int = 0  # posts that are still to be read again
    cut: str = ""  # what was left for the next sync
    skipped: bool = False  # not due
    code: ExitCode = ExitCode.COMPLETE
    error: str = ""  # why it ended early

    @property
    def name(self) -> str:
        """The search for people."""
        return f"{self.query} keep {' '.join(self.targets)} ({self.site})"

    def lines(self) -> Iterator[str]:
        """For people; why it ended early is printed as every error is."""
        if self.skipped:
            yield f"{self.name}: not due before {moment_words(self.due_at)}"
            return
        found = [f"{self.changes.new} new", self._changed()]
        found += [f"{self.changes.read_again} read again"] if self.changes.read_again else []
        found += [f"{count} {_WORDS.get(outcome, outcome)}" for outcome, count in self._outcomes().items() if count]
        asked = f"{counted(self.listing_requests, 'request')} and {self.requests - self.listing_requests} for files"
        yield f"{self.name}: {', '.join(found)}; {asked}, {self.seconds:.0f} s"
        if self.cut:
            left = f" ({counted(self.stale, 'post')})" if self.stale else ""
            yield f"  left for the next sync: {self.cut}{left}"
        if self.due_at is not None:
            yield f"  next: {moment_words(self.due_at)}"

    def _changed(self) -> str:
        kinds = [f"{self.changes.by[kind]} {kind}" for kind in Change if kind is not Change.NEW]
        kinds = [words for words in kinds if not words.startswith("0 ")]
        return f"{self.changes.changed} changed" + (f" ({', '.join(kinds)})" if kinds else "")

    def _outcomes(self) -> Mapping[str, int]:
        return {outcome.value: self.tally.outcomes[outcome] for outcome in Outcome if outcome is not Outcome.GONE}

    def to_json(self) -> Mapping[str, Any]:
        """For programs; the keys are documented."""
        record: dict[str, Any] = {
            "site": self.site,
            "query": self.query,
            "targets": list(self.targets),
            "skipped": self.skipped,
            "new": self.changes.new,
            "changed": self.changes.changed,
            "changes": {kind.value: self.changes.by[kind] for kind in Change if kind is not Change.NEW},
            "read_again": self.changes.read_again,
            "scored": self.tally.scored,
            **self._outcomes(),
            "gaps": self.tally.gaps,
            "listing_requests": self.listing_requests,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "left": self.cut,
            "stale": self.stale,
            "next": None if self.due_at is None else self.due_at.isoformat(),
            "interval_hours": None if self.interval is None else round(self.interval.total_seconds() / 3600, 2),
            "exit": int(self.code),
        }
        return record | ({"error": self.error} if self.error else {})


_WORDS = {"deleted": "not wanted"}  # beside what the site deleted


def moment_words(moment: datetime | None) -> str:
    """A date and a time of day, by this machine's clock."""
    return "never" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def total_lines(reports: Sequence[SearchReport], seconds: float) -> Iterator[str]:
    """The summary, short lines of plain text."""
    followed = [one for one in reports if not one.skipped]
    asked = sum(one.listing_requests for one in followed)
    yield (
        f"followed {len(followed)} of {counted(len(reports), 'search', 'searches')}: "
        f"{sum(one.changes.new for one in followed)} new, {sum(one.changes.changed for one in followed)} changed, "
        f"{sum(one.tally.outcomes[Outcome.KEPT] for one in followed)} kept; "
        f"{counted(asked, 'request')}, {seconds:.0f} s"
    )
    for one in reports:
        yield from one.lines()


def total_json(reports: Sequence[SearchReport], seconds: float) -> Mapping[str, Any]:
    """The documented object of `crawl sync --json`."""
    followed = [one for one in reports if not one.skipped]
    return {
        "searches": [one.to_json() for one in reports],
        "followed": len(followed),
        "new": sum(one.changes.new for one in followed),
        "changed": sum(one.changes.changed for one in followed),
        "kept": sum(one.tally.outcomes[Outcome.KEPT] for one in followed),
        "failed": sum(one.tally.outcomes[Outcome.FAILED] for one in followed),
        "listing_requests": sum(one.listing_requests for one in followed),
        "requests": sum(one.requests for one in followed),
        "seconds": round(seconds, 3),
    }


def code_of(reports: Sequence[SearchReport]) -> ExitCode:
    """The exit code that the searches amount to."""
    return worst(int(one.code) for one in reports)
