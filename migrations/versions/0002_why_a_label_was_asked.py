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
    """Add the column, and a guard over what is destroyed for good."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Going back is restoring a backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")


STATEMENTS = (
    "ALTER TABLE label ADD COLUMN why TEXT DEFAULT 'manual' NOT NULL",
    """\
CREATE TRIGGER purge_needs_a_decision BEFORE INSERT ON move
WHEN NEW.to_place = 'purged' AND NOT EXISTS (
    SELECT 1 FROM file JOIN standing ON standing.version_id = file.version_id AND standing.target = file.target
    LEFT JOIN decision ON decision.seq = standing.decision_seq LEFT JOIN label ON label.seq = standing.label_seq
    WHERE file.id = NEW.file_id AND file.place = 'trash' AND coalesce(label.value, decision.value) = 'delete')
BEGIN SELECT RAISE(ABORT, 'only what lies in the trash and is decided or labelled delete is destroyed'); END
""",
)
