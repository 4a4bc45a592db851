"""A label says why it was asked for; earlier ones were nobody's question.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.get_bind().exec_driver_sql("ALTER TABLE label ADD COLUMN why TEXT DEFAULT 'manual' NOT NULL")


def downgrade() -> None:
    """Going back is restoring a backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")
