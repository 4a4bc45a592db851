"""Pictures of extreme shape are looked at in windows too; those that never were are looked at again.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and forget the vectors of pictures that were looked at whole only although they are so long.

    Their pictures lie in the gallery: whoever scores them next looks at them there.
    """
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take the columns away again: the whole pictures' vectors stay."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    "ALTER TABLE embedding ADD COLUMN windows BLOB",
    "ALTER TABLE embedding ADD COLUMN too_small BOOLEAN DEFAULT 0 NOT NULL",
    """\
DELETE FROM embedding WHERE version_id IN
(SELECT id FROM file_version WHERE max(width, height) > 1.9 * min(width, height))
""",
)
BACK = (
    "ALTER TABLE embedding DROP COLUMN too_small",
    "ALTER TABLE embedding DROP COLUMN windows",
)
