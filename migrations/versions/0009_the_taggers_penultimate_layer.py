"""A network whose embeddings are stored may be the user's tagger, by its penultimate layer.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; it is filled as a tagger looks at pictures."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Forget the vectors of taggers, which nothing could tell from other networks' any more: it can look once more."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    """\
ALTER TABLE backbone ADD COLUMN tagger_id INTEGER
CONSTRAINT fk_backbone_tagger_id_tagger REFERENCES tagger (id)
""",
)
BACK = (
    "DELETE FROM embedding WHERE backbone_id IN (SELECT id FROM backbone WHERE tagger_id IS NOT NULL)",
    "DELETE FROM backbone WHERE tagger_id IS NOT NULL",
    "ALTER TABLE backbone DROP COLUMN tagger_id",
)
