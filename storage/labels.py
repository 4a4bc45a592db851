"""People's words: appended, one row a click, durable before anybody is told so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, insert, select

from storage.database import insert_or_update, new_id
from storage.filing import Label, Relabelled
from storage.names import checked_target
from storage.tables import LabelRow, PostRow, StandingRow, VersionRow

_KNOWN_KEY = select(LabelRow.seq).where(LabelRow.client_key == bindparam("key"))
_VERSION = (
    select(PostRow.key, VersionRow.id)
    .outerjoin(VersionRow, and_(VersionRow.post_key == PostRow.key, VersionRow.md5 == PostRow.md5))
    .where(PostRow.site == bindparam("its_site"), PostRow.post_id == bindparam("its_id"))
)
_NEW_LABEL = insert(LabelRow)
_STAND_LABEL = insert_or_update(StandingRow, ("version_id", "target"), ("label_seq",))


def file_labels(connection: Connection, labels: Sequence[Label], now: datetime) -> Relabelled:
    """Append labels for the posts' current file versions; a key that is known is the same click again."""
    recorded = repeated = 0
    unknown: list[int] = []
    hidden: list[int] = []
    for label in labels:
        checked_target(label.target)
        if connection.execute(_KNOWN_KEY, {"key": label.key}).scalar() is not None:
            repeated += 1
            continue
        post = connection.execute(_VERSION, {"its_site": label.site, "its_id": label.post_id}).one_or_none()
        if post is None:
            unknown.append(label.post_id)
        elif post.id is None:
            hidden.append(label.post_id)
        else:
            _file(connection, label, post.id, now)
            recorded += 1
    return Relabelled(recorded, repeated, tuple(unknown), tuple(hidden))


def _file(connection: Connection, label: Label, version_id: int, now: datetime) -> None:
    values = {
        "version_id": version_id,
        "target": label.target,
        "value": label.value.value,
        "who": label.who,
        "client_key": label.key,
        "labelled_at": now,
    }
    seq = new_id(connection, _NEW_LABEL, values)
    connection.execute(_STAND_LABEL, {"version_id": version_id, "target": label.target, "label_seq": seq})
