"""What `--keep` named before: a tag keeps the name that it got first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select

from storage.errors import BadName, DatabaseDamaged
from storage.records import Target
from storage.tables import TargetRow


def saved_targets(connection: Connection, site: str | None = None) -> Sequence[Target]:
    """The targets of a site, or of all, by name."""
    asked = select(TargetRow.name, TargetRow.tag, TargetRow.variants).order_by(TargetRow.name)
    if site is not None:
        asked = asked.where(TargetRow.site == site)
    return [_target(row) for row in connection.execute(asked)]


def _target(row: Any) -> Target:
    try:
        return Target(row.name, row.tag, tuple(row.variants))
    except BadName as error:
        raise DatabaseDamaged(f"the database names a target that cannot be one: {error}; restore a backup") from error
