"""Labels: appended, one row a click, durable before they are acknowledged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, select
from sqlalchemy.orm import aliased

from storage.archive_records import Click, Conflict, Label, Relabelled, Saved
from storage.database.chunks import chunked
from storage.database.current_rows import HOLD_LABEL
from storage.database.current_state import CURRENT, held_by_label
from storage.database.engine import new_id
from storage.database.tables import CurrentRow, LabelRow, PostRow, VersionRow
from storage.errors import RefusedRequest
from storage.names import TargetName
from storage.records import LabelReason, LabelValue, Post

_SAME_KEY = select(LabelRow.seq, LabelRow.version_id, LabelRow.target, LabelRow.value).where(
    LabelRow.client_key == bindparam("key")
)
_VERSION = (
    select(PostRow.key, VersionRow.id)
    .outerjoin(VersionRow, and_(VersionRow.post_key == PostRow.key, VersionRow.md5 == PostRow.md5))
    .where(PostRow.site == bindparam("its_site"), PostRow.post_id == bindparam("its_id"))
)
_NEWEST = (
    select(LabelRow.seq, LabelRow.value, LabelRow.who)
    .where(LabelRow.version_id == bindparam("version"), LabelRow.target == bindparam("for_target"))
    .order_by(LabelRow.seq.desc())
    .limit(1)
)
_NEW_LABEL = insert(LabelRow)
_SHARED = "same-picture:"  # in keys of labels that were given to another post with the same file
_OTHER = aliased(VersionRow)
_LABELS_OF_FILES = (
    select(VersionRow.md5, LabelRow.target, LabelRow.value, LabelRow.who, LabelRow.seq)
    .join(LabelRow, LabelRow.version_id == VersionRow.id)
    .order_by(LabelRow.seq)
)
_LABELS_OF_THESE_FILES = _LABELS_OF_FILES.where(VersionRow.md5.in_(bindparam("files", expanding=True)))
_NEWEST_OF_FILE = (
    select(LabelRow.seq, LabelRow.value, LabelRow.who)
    .join(VersionRow, VersionRow.id == LabelRow.version_id)
    .join(_OTHER, _OTHER.md5 == VersionRow.md5)
    .where(_OTHER.id == bindparam("version"), LabelRow.target == bindparam("for_target"))
    .order_by(LabelRow.seq.desc())
    .limit(1)
)
_TWINS = (
    select(_OTHER.id)
    .join(VersionRow, and_(VersionRow.md5 == _OTHER.md5, VersionRow.id != _OTHER.id))
    .join(PostRow, and_(PostRow.key == _OTHER.post_key, PostRow.md5 == _OTHER.md5))
    .where(VersionRow.id == bindparam("version"))
)


@dataclass(frozen=True, slots=True)
class StoredLabel:
    """A label as recorded."""

    seq: int  # order of events
    site: str
    post_id: int
    version_id: int
    target: str
    value: LabelValue
    why: LabelReason
    who: str
    holds: bool  # it is the newest, was not taken back, and the post still shows that picture


def file_labels(connection: Connection, labels: Sequence[Label], now: datetime) -> Relabelled:
    """Append labels for the posts' current file versions; a key that is known is the same click again."""
    recorded = repeated = 0
    unknown: list[int] = []
    hidden: list[int] = []
    for label in labels:
        TargetName(label.target)
        if connection.execute(_SAME_KEY, {"key": label.key}).first() is not None:
            repeated += 1
            continue
        post = connection.execute(_VERSION, {"its_site": label.site, "its_id": label.post_id}).one_or_none()
        if post is None:
            unknown.append(label.post_id)
        elif post.id is None:
            hidden.append(label.post_id)
        else:
            append_label(connection, post.id, label, now)
            _share(connection, post.id, label, now)
            recorded += 1
    return Relabelled(recorded, repeated, tuple(unknown), tuple(hidden))


def file_click(connection: Connection, click: Click, now: datetime) -> Saved | Conflict:
    """Append a label, unless a label was filed or the picture replaced since the page showed it.

    Raises:
        RefusedRequest: no such post or picture, or its key was another click's.
    """
    label = click.label
    TargetName(label.target)
    same = connection.execute(_SAME_KEY, {"key": label.key}).one_or_none()
    if same is not None:
        return _repeated(same, click)
    post = connection.execute(_VERSION, {"its_site": label.site, "its_id": label.post_id}).one_or_none()
    if post is None or post.id is None:
        raise RefusedRequest(f"post {label.post_id} of {label.site}: there is no picture of it here to label")
    newest = connection.execute(_NEWEST, {"version": post.id, "for_target": label.target}).one_or_none()
    if post.id != click.version_id or (newest.seq if newest else None) != click.label_seq:
        if newest is None:
            return Conflict(post.id, None, None)
        return Conflict(post.id, newest.seq, LabelValue(newest.value), newest.who)
    seq = append_label(connection, post.id, label, now)
    _share(connection, post.id, label, now)
    return Saved(seq)


def file_first_label(connection: Connection, version_id: int, label: Label, now: datetime) -> LabelValue | None:
    """Append a label where nobody has labelled this picture for this target; else gives what was said last.

    What was said of another post with the very same file was said of this picture, and becomes this post's label too.

    Args:
        version_id: which picture.
        label: about it; its post is not looked up.
    """
    newest = connection.execute(_NEWEST, {"version": version_id, "for_target": label.target}).one_or_none()
    if newest is not None:
        return LabelValue(newest.value)
    of_file = {"version": version_id, "for_target": label.target}
    if (twin := connection.execute(_NEWEST_OF_FILE, of_file).one_or_none()) is not None:
        value = LabelValue(twin.value)
        if value is not LabelValue.CLEAR:
            key = f"{_SHARED}{twin.seq}:{version_id}"
            same = replace(label, value=value, who=twin.who, key=key, why=LabelReason.SAME_PICTURE)
            append_label(connection, version_id, same, now)
        return value
    append_label(connection, version_id, label, now)
    _share(connection, version_id, label, now)
    return None


def labels_of_twins(
    connection: Connection, md5s: Collection[str], targets: Collection[str]
) -> Mapping[tuple[str, str], Row[Any]]:
    """By file and target, the newest label that a person gave to any post with that file."""
    found: dict[tuple[str, str], Row[Any]] = {}
    for chunk in chunked(sorted(md5s)):
        statement = _LABELS_OF_FILES.where(VersionRow.md5.in_(chunk), LabelRow.target.in_(targets))
        found.update({(row.md5, row.target): row for row in connection.execute(statement)})
    return {key: row for key, row in found.items() if row.value != LabelValue.CLEAR.value}


def inherit_labels(
    connection: Connection, looked_at: Sequence[tuple[int, Post, Collection[str]]], now: datetime
) -> None:
    """Give posts the labels of posts with the very same file, for targets that they have no label for.

    Args:
        connection: in a writing transaction.
        looked_at: file versions, their posts, and the targets that are asked about.
        now: when.
    """
    given = _labels_of_files(connection, {post.file.md5 for _, post, _ in looked_at if post.file is not None})
    for version_id, post, targets in looked_at if given else ():
        for target, row in given.get(post.file.md5 if post.file else "", {}).items():
            if target not in targets or row.value == LabelValue.CLEAR.value:
                continue
            key = f"{_SHARED}{row.seq}:{version_id}"
            own = connection.execute(_NEWEST, {"version": version_id, "for_target": target}).first()
            if own is None and connection.execute(_SAME_KEY, {"key": key}).first() is None:
                value = LabelValue(row.value)
                label = Label(post.id, post.site, target, value, row.who, key, LabelReason.SAME_PICTURE)
                append_label(connection, version_id, label, now)


def _labels_of_files(connection: Connection, md5s: Collection[str]) -> Mapping[str, Mapping[str, Row[Any]]]:
    """The newest label of each target by file."""
    found: defaultdict[str, dict[str, Row[Any]]] = defaultdict(dict)
    for chunk in chunked(sorted(md5s)):
        rows: Iterable[Any] = connection.execute(_LABELS_OF_THESE_FILES, {"files": chunk})
        for row in rows:
            found[row.md5][row.target] = row
    return found


def _share(connection: Connection, version_id: int, label: Label, now: datetime) -> None:
    """Append a label for every other post that shows the very same file now."""
    for twin in connection.execute(_TWINS, {"version": version_id}).scalars().all():
        shared = replace(label, key=f"{label.key}{_SHARED}{twin}", why=LabelReason.SAME_PICTURE)
        append_label(connection, twin, shared, now)


def newest_label(connection: Connection) -> int:
    """Number of the label that was filed last, for whatever target; 0: there is none."""
    return connection.execute(select(func.coalesce(func.max(LabelRow.seq), 0))).scalar_one()


def labels_of(connection: Connection, target: str) -> Sequence[StoredLabel]:
    """Every label that was ever filed for a target, in order."""
    statement = (
        select(
            LabelRow.seq,
            PostRow.site,
            PostRow.post_id,
            LabelRow.version_id,
            LabelRow.target,
            LabelRow.value,
            LabelRow.why,
            LabelRow.who,
            and_(CurrentRow.label_seq.is_not(None), PostRow.md5 == VersionRow.md5).label("holds"),
        )
        .join(VersionRow, VersionRow.id == LabelRow.version_id)
        .join(PostRow, PostRow.key == VersionRow.post_key)
        .outerjoin(CurrentRow, and_(CURRENT.of_row(LabelRow), CurrentRow.label_seq == LabelRow.seq))
        .where(LabelRow.target == target)
        .order_by(LabelRow.seq)
    )
    return [_stored_label(row) for row in connection.execute(statement)]


def _stored_label(row: Any) -> StoredLabel:
    return StoredLabel(
        seq=row.seq,
        site=row.site,
        post_id=row.post_id,
        version_id=row.version_id,
        target=row.target,
        value=LabelValue(row.value),
        why=LabelReason(row.why),
        who=row.who,
        holds=bool(row.holds),
    )


def _repeated(same: Any, click: Click) -> Saved:
    label = click.label
    if (same.version_id, same.target, same.value) != (click.version_id, label.target, label.value.value):
        raise RefusedRequest(f"the key {label.key!r} was used for another label; make a new one for every click")
    return Saved(same.seq, repeated=True)


def append_label(connection: Connection, version_id: int, label: Label, now: datetime) -> int:
    """Append a label for a file version; gives its number in the order of events."""
    values = {
        "version_id": version_id,
        "target": label.target,
        "value": label.value.value,
        "who": label.who,
        "client_key": label.key,
        "labelled_at": now,
        "why": label.why.value,
    }
    seq = new_id(connection, _NEW_LABEL, values)
    holding = None if label.value is LabelValue.CLEAR else seq  # taken back: no label holds
    value = None if holding is None else held_by_label(label.value.value)
    current = {"version_id": version_id, "target": label.target, "label_seq": holding, "holds": value}
    connection.execute(HOLD_LABEL, current)
    return seq


def versions_labelled(connection: Connection, target: str, why: LabelReason) -> frozenset[int]:
    """The file versions that ever got a label of a target for this reason."""
    theirs = (LabelRow.target == target, LabelRow.why == why.value)
    return frozenset(connection.execute(select(LabelRow.version_id).where(*theirs)).scalars())
