"""Pictures in a person's own folders, which are no posts: what a network made of them, so that nobody decodes twice.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; they are filled as folders are classified."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take them away again: the pictures can be looked at once more."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    """\
CREATE TABLE local_picture (
    id INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    md5 TEXT NOT NULL,
    size INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    format TEXT NOT NULL,
    picture_hash INTEGER,
    seen_at DATETIME NOT NULL,
    CONSTRAINT pk_local_picture PRIMARY KEY (id),
    CONSTRAINT uq_local_picture_sha256 UNIQUE (sha256)
)
""",
    """\
CREATE TABLE local_embedding (
    id INTEGER NOT NULL,
    picture_id INTEGER NOT NULL,
    backbone_id INTEGER NOT NULL,
    vector BLOB NOT NULL,
    windows BLOB,
    too_small BOOLEAN NOT NULL,
    CONSTRAINT pk_local_embedding PRIMARY KEY (id),
    CONSTRAINT uq_local_embedding_picture_id_backbone_id UNIQUE (picture_id, backbone_id),
    CONSTRAINT fk_local_embedding_picture_id_local_picture FOREIGN KEY(picture_id) REFERENCES local_picture (id),
    CONSTRAINT fk_local_embedding_backbone_id_backbone FOREIGN KEY(backbone_id) REFERENCES backbone (id)
)
""",
)
BACK = (
    "DROP TABLE local_embedding",
    "DROP TABLE local_picture",
)
