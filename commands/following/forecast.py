"""`crawl sync --dry-run`: what would be asked, from the database alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from commands.context.workspace import Workspace
from commands.following.report import moment_words
from commands.following.searches import Candidate, candidates, chosen
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import print_json
from commands.terminal.exit_codes import ExitCode
from commands.terminal.machine_formats import object_is_owed
from commands.terminal.tables import print_line
from crawler.following.sync import REMOVALS_EVERY, STALE_AFTER
from storage.following.records import FollowState
from storage.following.rows import count_stale, followed_searches

_AT_LEAST = 100  # posts that one request reads again


def forecast(names: Sequence[str], workspace: Workspace, *, all_: bool, full: bool, requests: int) -> int:
    """Print what a sync would ask; asks nobody and writes nothing.

    Args:
        names: of searches, as typed.
        workspace: the gallery.
        all_: whether searches that are not due would be followed.
        full: whether every post would be read again.
        requests: the bound.
    Returns:
        The exit code.
    """
    now = workspace.clock()
    with read_gallery(workspace) as reader:
        found = chosen(candidates(reader.ask(followed_searches), workspace), names, str(workspace.root))
        rows = [
            _row(one, now, due=bool(all_ or full or names or one.due(now)), full=full)
            | {"stale": reader.ask(lambda c, one=one: _stale(c, one, now, full=full))}  # type: ignore[misc]  # mypy cannot type a lambda's default
            for one in found
        ]
    if object_is_owed():
        print_json({"dry_run": True, "requests_bound": requests, "searches": rows})
        return ExitCode.COMPLETE
    print_line(f"would ask at most {requests} requests for lists, and for the files of new and changed posts:")
    for row in rows:
        for line in _lines(row):
            print_line(line)
    return ExitCode.COMPLETE


def _stale(connection: Any, candidate: Candidate, now: datetime, *, full: bool) -> int:
    search = candidate.search
    if search is None:
        return 0
    before = search.state.stale_before if search.state is not None else None
    moment = now if full else max(now - STALE_AFTER, before or now - STALE_AFTER)
    return count_stale(connection, search.listing_id, moment)


def _row(candidate: Candidate, now: datetime, *, due: bool, full: bool) -> dict[str, Any]:
    search = candidate.search
    state = search.state if search is not None else None
    return {
        "search": candidate.label,
        "query": candidate.query,
        "site": candidate.site,
        "targets": list(candidate.targets),
        "crawled": search is not None,
        "due": due,
        "next": state.due_at.isoformat() if state is not None else None,
        "changed_since": state.changed_since.isoformat() if state is not None and state.changed_since else None,
        "removals": full or _removals_due(state, now),
        "posts": search.posts if search is not None else 0,
        "unfinished_walk": search is not None and not search.complete,
    }


def _removals_due(state: FollowState | None, now: datetime) -> bool:
    return state is None or state.removals_at is None or now - state.removals_at >= REMOVALS_EVERY * 0.9


def _lines(row: dict[str, Any]) -> Iterator[str]:
    if not row["crawled"]:
        yield f"{row['search']}: never crawled; would be crawled"
        return
    if not row["due"]:
        due = moment_words(datetime.fromisoformat(row["next"]))
        yield f"{row['search']}: not due before {due}; --all follows it nevertheless"
        return
    yield f"{row['search']}: {row['posts']} posts known"
    since = row["changed_since"] and moment_words(datetime.fromisoformat(row["changed_since"]))
    yield f"  what is new or changed since {since or 'its posts were read'}"
    if row["unfinished_walk"]:
        yield "  the rest of a walk that did not come to the oldest post"
    if row["removals"]:
        yield "  what was taken down, where the site lists it"
    if row["stale"]:
        most = math.ceil(row["stale"] / _AT_LEAST)
        yield f"  {row['stale']} posts again, read too long ago: {most} requests where the site takes lists of ids"
