"""Whether two galleries are in the same state: canonical lines without times, counts of tries, or run numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from storage.database.current_state import DECISION, PLACE
from storage.database.results_view import results_select
from storage.database.tables import CurrentRow, DecisionRow, FileRow, GapRow, LabelRow, ListingRow, PostRow, VersionRow
from storage.errors import ObjectsUnreachable, StorageError
from storage.files.store import FileStore
from storage.objects.location import files_of


def digest_lines(connection: Connection, root: Path | None) -> list[str]:
    """One line a post and target, one a label, one an open gap; sorted. Files are hashed as they are on disk.

    Args:
        connection: to the gallery's database.
        root: of the gallery; None: files stay unread, for two databases of one root.
    """
    tree = None if root is None else files_of(root)
    try:
        lines = [*_posts(connection, tree), *_labels(connection), *_gaps(connection)]
    finally:
        if tree is not None:
            tree.close()
    return sorted(lines)


def digest_of(lines: Iterable[str]) -> str:
    """SHA-256, hex."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _posts(connection: Connection, tree: FileStore | None) -> Iterable[str]:
    statement = results_select().with_only_columns(
        PostRow.site,
        PostRow.post_id,
        PostRow.md5,
        PostRow.hidden_reason,
        VersionRow.state,
        VersionRow.trouble,
        CurrentRow.target,
        DECISION.label("decision"),
        LabelRow.seq.label("label"),
        DecisionRow.model,
        DecisionRow.decided_by,
        PLACE.label("place"),
        FileRow.path,
    )
    for row in connection.execute(statement):
        by = "human" if row.label is not None else row.model or row.decided_by
        state = "hidden" if row.hidden_reason is not None else row.state
        reason = row.hidden_reason or row.trouble
        on_disk = None if row.path is None or row.place == "purged" else _sha256(tree, row.path)
        yield _line(
            "post", row.site, row.post_id, row.md5, state, reason, row.target, row.decision, by, row.place, on_disk
        )


def _labels(connection: Connection) -> Iterable[str]:
    statement = (
        select(PostRow.site, PostRow.post_id, VersionRow.md5, LabelRow.target, LabelRow.value, LabelRow.who)
        .join(VersionRow, VersionRow.id == LabelRow.version_id)
        .join(PostRow, PostRow.key == VersionRow.post_key)
    )
    for row in connection.execute(statement):
        yield _line("label", *row)


def _gaps(connection: Connection) -> Iterable[str]:
    statement = (
        select(ListingRow.site, ListingRow.query, GapRow.above, GapRow.below, GapRow.reason)
        .join(ListingRow, ListingRow.id == GapRow.listing_id)
        .where(GapRow.closed_at.is_(None))
    )
    for row in connection.execute(statement):
        yield _line("gap", *row)


def _sha256(tree: FileStore | None, path: str) -> str:
    if tree is None:
        return path
    try:
        return tree.digest(path).sha256
    except ObjectsUnreachable:
        raise
    except FileNotFoundError:
        return "missing"
    except (StorageError, OSError):
        return "no file"


def _line(*facts: Any) -> str:
    return json.dumps(facts, ensure_ascii=True)
