"""A picture is known again by its hash, and the part that a learning round gave a post is never forgotten.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table, and guards over what was held out of learning."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take both away again: hashes can be computed again, parts are lost."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    "ALTER TABLE file_version ADD COLUMN picture_hash INTEGER",
    """\
CREATE TABLE part (
    post_key INTEGER NOT NULL,
    target TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_part PRIMARY KEY (post_key, target),
    CONSTRAINT fk_part_post_key_post FOREIGN KEY(post_key) REFERENCES post ("key")
)
 WITHOUT ROWID
""",
    """\
CREATE TRIGGER part_only_becomes_stricter BEFORE UPDATE ON part
WHEN (OLD.value = 'test' AND NEW.value <> 'test') OR (OLD.value = 'validation' AND NEW.value = 'train')
BEGIN SELECT RAISE(ABORT, 'what was held out of learning is held out for ever'); END
""",
    """\
CREATE TRIGGER part_refuses_delete BEFORE DELETE ON part
BEGIN SELECT RAISE(ABORT, 'what was held out of learning is held out for ever'); END
""",
)
BACK = (
    "DROP TRIGGER part_refuses_delete",
    "DROP TRIGGER part_only_becomes_stricter",
    "DROP TABLE part",
    "ALTER TABLE file_version DROP COLUMN picture_hash",
)
