"""The schema with which galleries on Postgres began; the steps that are newer than `FIRST` run on both engines."""

from __future__ import annotations

from migrations.postgres.guards import FUNCTIONS, GUARDS
from migrations.postgres.tables import TABLES
from migrations.postgres.view import VIEW

FIRST = "0012"  # the step that it is as of
STATEMENTS = (*TABLES, *FUNCTIONS, *(f"CREATE TRIGGER {name} {body}" for name, body in GUARDS.items()), VIEW)

__all__ = ["FIRST", "GUARDS", "STATEMENTS"]
