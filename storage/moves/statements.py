"""What another gallery's export says of posts and targets: people's labels, and what the machine decided there.

Nothing that is known here gives way: a label comes in where nobody has labelled that picture for that target, a
decision where no model of this gallery has decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, and_, bindparam, select

from storage.archive_records import Label
from storage.database.access import Access
from storage.database.tables import CurrentRow, PostRow, VersionRow
from storage.evidence import SPLITS, SplitAssignments
from storage.looks.look_rows import Decided, LookRows
from storage.names import TargetName
from storage.records import Decision, DecisionValue, LabelValue, Target
from storage.rows.labels import file_first_label
from storage.rows.splits import file_assignments
from storage.rows.targets import merged_targets, save_targets, saved_targets

WHO = "import"  # labelled, where the export does not say who

_VERSION = (
    select(VersionRow.id)
    .join(PostRow, PostRow.key == VersionRow.post_key)
    .where(PostRow.site == bindparam("its_site"), PostRow.post_id == bindparam("its_id"))
    .where(VersionRow.md5 == bindparam("file"))
)
_CURRENT = select(CurrentRow.decision_seq, CurrentRow.holds, CurrentRow.file_id).where(
    and_(CurrentRow.version_id == bindparam("version"), CurrentRow.target == bindparam("for_target"))
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What an export says of one post and one target."""

    site: str
    post_id: int
    md5: str
    target: Target
    label: LabelValue | None = None
    who: str = ""  # labelled; "": nobody knows
    decision: Decision | None = None
    split: str = ""  # validation or test: never to be learned from

    def __post_init__(self) -> None:
        """Refuse a name that cannot be a target's."""
        TargetName(self.target.name)


@dataclass(slots=True)
class FiledStatements:
    """What became of them."""

    labels: int = 0  # new here
    contradicted: int = 0  # a person said something else here; that holds
    decisions: int = 0  # new here
    to_keep: list[Statement] = field(default_factory=list)  # what holds says keep, and no original has its name yet


class Statements:
    """The archive's way in for what other galleries said."""

    def __init__(self, access: Access, looks: LookRows) -> None:
        self._access = access
        self._looks = looks

    async def file(self, statements: Sequence[Statement], run_id: int) -> FiledStatements:
        """Record what is not known here; posts that are not, or have another file, are passed over.

        Args:
            statements: of posts that were recorded before.
            run_id: of this import.
        """
        if not statements:
            return FiledStatements()
        now = self._access.now()
        return await self._access.write(lambda c: _file(c, self._looks, statements, run_id, now))


def _file(
    connection: Connection, looks: LookRows, statements: Sequence[Statement], run_id: int, now: datetime
) -> FiledStatements:
    done = FiledStatements()
    for site in {one.site for one in statements}:
        _know_targets(connection, site, [one.target for one in statements if one.site == site])
    for one in statements:
        key = {"its_site": one.site, "its_id": one.post_id, "file": one.md5}
        version = connection.execute(_VERSION, key).scalar()
        if version is None:
            continue
        _file_label(connection, version, one, now, done)
        held = connection.execute(_CURRENT, {"version": version, "for_target": one.target.name}).one_or_none()
        if one.decision is not None and (held is None or held.decision_seq is None):
            looks.file_decisions(connection, [Decided(version, one.decision, run_id, now)])
            done.decisions += 1
            held = connection.execute(_CURRENT, {"version": version, "for_target": one.target.name}).one()
        if one.split:
            split = np.array([SPLITS.index(one.split)], np.int8)
            chosen = SplitAssignments(one.target.name, np.array([version], np.int64), split, {})
            file_assignments(connection, chosen)
        if held is not None and held.holds == DecisionValue.KEEP.value and held.file_id is None:
            done.to_keep.append(one)
    return done


def _file_label(connection: Connection, version: int, one: Statement, now: datetime, done: FiledStatements) -> None:
    if one.label is None:
        return
    key = f"import:{one.site}:{one.post_id}:{one.md5}:{one.target.name}"
    label = Label(one.post_id, one.site, one.target.name, one.label, one.who or WHO, key)
    before = file_first_label(connection, version, label, now)
    done.labels += before is None
    done.contradicted += before is not None and before is not one.label


def _know_targets(connection: Connection, site: str, targets: Iterable[Target]) -> None:
    """Targets that the gallery knows keep their tags; new ones are what this site's, or another's, crawls named."""
    there = {target.name for target in (*saved_targets(connection, site), *merged_targets(connection, site))}
    anywhere = {target.name: target for target in saved_targets(connection)}
    new = {one.name: anywhere.get(one.name, one) for one in targets if one.name not in there}
    save_targets(connection, site, list(new.values()))
