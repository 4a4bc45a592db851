"""Searches that are followed: how often each is asked, and from which change on.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; `crawl sync` fills it."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take it away again: a sync then begins with what it read longest ago."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    """\
CREATE TABLE follow (
    listing_id INTEGER NOT NULL,
    interval_s DOUBLE NOT NULL,
    due_at DATETIME NOT NULL,
    synced_at DATETIME,
    changed_since DATETIME,
    stale_before DATETIME,
    removals_at DATETIME,
    new INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    CONSTRAINT pk_follow PRIMARY KEY (listing_id),
    CONSTRAINT fk_follow_listing_id_listing FOREIGN KEY(listing_id) REFERENCES listing (id)
)
""",
)
BACK = ("DROP TABLE follow",)
