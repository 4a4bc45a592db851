"""Posts that other programs fetched already, by their own lists.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; crawl import archive fills them."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take them away again: the archives can be read once more."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    """\
CREATE TABLE seen_archive (
    id INTEGER NOT NULL,
    path TEXT NOT NULL,
    read_at DATETIME NOT NULL,
    CONSTRAINT pk_seen_archive PRIMARY KEY (id),
    CONSTRAINT uq_seen_archive_path UNIQUE (path)
)
""",
    """\
CREATE TABLE seen_post (
    site TEXT NOT NULL,
    post_id INTEGER NOT NULL,
    archive_id INTEGER NOT NULL,
    CONSTRAINT pk_seen_post PRIMARY KEY (site, post_id, archive_id),
    CONSTRAINT fk_seen_post_archive_id_seen_archive FOREIGN KEY(archive_id) REFERENCES seen_archive (id)
) WITHOUT ROWID
""",
)
BACK = (
    "DROP TABLE seen_post",
    "DROP TABLE seen_archive",
)
