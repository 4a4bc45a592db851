"""What a tagger of the user's own says of a picture, beside what the site's own says of a post.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; they are filled as pictures are looked at."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take them away again: the tagger can look once more."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    """\
CREATE TABLE tagger (
    id INTEGER NOT NULL,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    seen_at DATETIME NOT NULL,
    CONSTRAINT pk_tagger PRIMARY KEY (id),
    CONSTRAINT uq_tagger_hash UNIQUE (hash)
)
""",
    """\
CREATE TABLE tagger_look (
    version_id INTEGER NOT NULL,
    tagger_id INTEGER NOT NULL,
    CONSTRAINT pk_tagger_look PRIMARY KEY (version_id),
    CONSTRAINT fk_tagger_look_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id),
    CONSTRAINT fk_tagger_look_tagger_id_tagger FOREIGN KEY(tagger_id) REFERENCES tagger (id)
)
""",
    """\
CREATE TABLE tagger_tag (
    version_id INTEGER NOT NULL,
    name_id INTEGER NOT NULL,
    value DOUBLE NOT NULL,
    CONSTRAINT pk_tagger_tag PRIMARY KEY (version_id, name_id),
    CONSTRAINT fk_tagger_tag_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id),
    CONSTRAINT fk_tagger_tag_name_id_ai_name FOREIGN KEY(name_id) REFERENCES ai_name (id)
) WITHOUT ROWID
""",
    "CREATE INDEX ix_tagger_tag_name_id_version_id ON tagger_tag (name_id, version_id)",
)
BACK = (
    "DROP TABLE tagger_tag",
    "DROP TABLE tagger_look",
    "DROP TABLE tagger",
)
