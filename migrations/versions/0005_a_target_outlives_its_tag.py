"""A target is known by more than its tag's present spelling: the site's aliases, and targets that became part of it.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the next crawl asks the site for the aliases."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take them away again: the site can be asked again, and targets that were merged are two once more."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    "ALTER TABLE target ADD COLUMN aliases JSON DEFAULT '[]' NOT NULL",
    "ALTER TABLE target ADD COLUMN part_of TEXT",
)
BACK = (
    "ALTER TABLE target DROP COLUMN part_of",
    "ALTER TABLE target DROP COLUMN aliases",
)
