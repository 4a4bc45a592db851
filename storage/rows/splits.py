"""What a round assigns for good: the split of every post that it knew, and hashes of pictures that had none."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, bindparam, case, exists, insert, select, update

from storage.database.tables import BY_BYTES, PartRow, VersionRow
from storage.errors import RefusedRequest
from storage.evidence import SPLITS, SplitAssignments
from storage.rows.picture_hashes import file_picture_hashes


def file_assignments(connection: Connection, assignments: SplitAssignments) -> None:
    """Record parts and hashes. A part that is recorded already gives way to a stricter one only.

    Raises:
        RefusedRequest: the columns are not equally long, or a part has no name.
    """
    split = assignments.split
    if len(assignments.version_ids) != len(split) or not np.isin(split, range(len(SPLITS))).all():
        raise RefusedRequest(
            f"{len(assignments.version_ids)} pictures cannot have the parts {sorted(set(split.tolist()))}"
        )
    file_picture_hashes(connection, assignments.hashes)
    rows = [
        {"version": version, "its_target": assignments.target, "part": SPLITS[part]}
        for version, part in zip(assignments.version_ids.tolist(), split.tolist(), strict=True)
    ]
    if rows:
        connection.execute(_TIGHTEN, rows)
        connection.execute(_GIVE, rows)


def _strictness(part: ColumnElement[str]) -> ColumnElement[Any]:
    return case({name: number for number, name in enumerate(SPLITS)}, value=part)


_TARGET, _PART = bindparam("its_target", type_=BY_BYTES), bindparam("part", type_=BY_BYTES)
_ITS_POST = select(VersionRow.post_key).where(VersionRow.id == bindparam("version"))
_ITS_PART = (PartRow.post_key == _ITS_POST.scalar_subquery(), PartRow.target == _TARGET)
_GIVE = insert(PartRow).from_select(
    ["post_key", "target", "value"],
    select(VersionRow.post_key, _TARGET, _PART).where(
        VersionRow.id == bindparam("version"), ~exists(select(PartRow.value).where(*_ITS_PART))
    ),
)
_TIGHTEN = (
    update(PartRow).where(*_ITS_PART, _strictness(_PART) > _strictness(PartRow.__table__.c.value)).values(value=_PART)
)
