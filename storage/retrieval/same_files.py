"""Posts that show the very same file, on whatever site: one picture, whose labels they share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select
from sqlalchemy.orm import aliased

from storage.database.chunks import chunked
from storage.database.current_state import CURRENT, DECISION
from storage.database.phrases import off_index
from storage.database.tables import CurrentRow, PostRow, VersionRow


@dataclass(frozen=True, slots=True)
class OtherPost:
    """Another post with a picture's file."""

    site: str
    post_id: int
    decision: str | None  # what holds there: keep | delete | undecided


def each_file_once(connection: Connection, ids: Sequence[int]) -> Sequence[int]:
    """These file versions in this order, without those whose file an earlier one has."""
    files: dict[int, str] = {}
    for chunk in chunked(list(ids)):
        rows = connection.execute(select(VersionRow.id, VersionRow.md5).where(VersionRow.id.in_(chunk)))
        files.update((row.id, row.md5) for row in rows)
    first: dict[str, int] = {}
    for one in ids:
        first.setdefault(files.get(one, str(one)), one)
    return list(first.values())


def other_posts(connection: Connection, ids: Sequence[int], target: str) -> Mapping[int, Sequence[OtherPost]]:
    """The other posts that show the file of each of these versions now, by site and number; most have none.

    Args:
        ids: of file versions.
        target: that the decisions are about.
    """
    found: defaultdict[int, list[OtherPost]] = defaultdict(list)
    shown = aliased(VersionRow)
    statement = (
        select(shown.id.label("of"), PostRow.site, PostRow.post_id, DECISION.label("decision"))
        .select_from(shown)
        .join(VersionRow, and_(VersionRow.md5 == shown.md5, VersionRow.id != shown.id))
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
    )
    # not by the index of targets: a target has a row for nearly every picture of a gallery
    its_target = off_index(CurrentRow.target.expression, func.coalesce(CurrentRow.target, "")) == target
    joined = CURRENT.joined(statement, and_(CURRENT.of_version(), its_target))
    for chunk in chunked(list(ids)):
        rows = connection.execute(joined.where(shown.id.in_(chunk)).order_by(PostRow.site, PostRow.post_id))
        for row in rows:
            found[row.of].append(OtherPost(row.site, row.post_id, row.decision))
    return found
