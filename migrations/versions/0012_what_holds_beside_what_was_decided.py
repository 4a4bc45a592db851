"""What holds is kept beside what was decided, with indexes by which a million posts are counted and put in order.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and fill them from the history."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Take them away again: they only repeat what the history says."""
    for statement in BACK:
        op.get_bind().exec_driver_sql(statement)


STATEMENTS = (
    """\
CREATE TABLE basis (
    id INTEGER NOT NULL,
    model_hash TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    threshold DOUBLE,
    CONSTRAINT pk_basis PRIMARY KEY (id)
)
""",
    "INSERT INTO basis (model_hash, decided_by, threshold) SELECT DISTINCT model_hash, decided_by, threshold FROM decision",
    "DROP INDEX ix_standing_target_version_id",
    "ALTER TABLE standing ADD COLUMN holds TEXT",
    "ALTER TABLE standing ADD COLUMN machine_score DOUBLE",
    """\
ALTER TABLE standing ADD COLUMN basis_id INTEGER
CONSTRAINT fk_standing_basis_id_basis REFERENCES basis (id)
""",
    """\
UPDATE standing SET holds = decision.value, machine_score = decision.score, basis_id = basis.id
FROM decision JOIN basis ON basis.model_hash = decision.model_hash AND basis.decided_by = decision.decided_by
AND basis.threshold IS decision.threshold
WHERE decision.seq = standing.decision_seq
""",
    """\
UPDATE standing SET holds = CASE label.value WHEN 'unsure' THEN 'undecided' ELSE label.value END
FROM label WHERE label.seq = standing.label_seq
""",
    "CREATE INDEX ix_standing_target_holds_basis_id ON standing (target, holds, basis_id)",
    "CREATE INDEX ix_standing_machine_score ON standing (machine_score)",
    "CREATE INDEX ix_standing_label ON standing (label_seq) WHERE label_seq IS NOT NULL",
    "CREATE INDEX ix_standing_file ON standing (file_id) WHERE file_id IS NOT NULL",
    "ALTER TABLE file_version ADD COLUMN replaced BOOLEAN DEFAULT 0 NOT NULL",
    """\
UPDATE file_version SET replaced = 1
WHERE md5 IS NOT (SELECT post.md5 FROM post WHERE post."key" = file_version.post_key)
""",
    "CREATE INDEX ix_file_version_replaced ON file_version (id) WHERE replaced = 1",
    "CREATE INDEX ix_file_version_trouble ON file_version (state, trouble) WHERE state <> 'known' OR trouble IS NOT NULL",
    """\
CREATE TRIGGER post_shows_another_version AFTER UPDATE OF md5 ON post WHEN NEW.md5 IS NOT OLD.md5
BEGIN
    UPDATE file_version SET replaced = md5 IS NOT NEW.md5 WHERE post_key = NEW."key";
END
""",
    """\
CREATE TRIGGER file_version_of_another_time AFTER INSERT ON file_version
WHEN NEW.md5 IS NOT (SELECT md5 FROM post WHERE "key" = NEW.post_key)
BEGIN
    UPDATE file_version SET replaced = 1 WHERE id = NEW.id;
END
""",
    "CREATE INDEX ix_post_score_post_id ON post (score, post_id)",
    'CREATE INDEX ix_post_hidden ON post ("key") WHERE hidden_reason IS NOT NULL',
    "CREATE INDEX ix_rendition_size ON rendition (size)",
)
BACK = (
    "DROP INDEX ix_rendition_size",
    "DROP INDEX ix_post_hidden",
    "DROP INDEX ix_post_score_post_id",
    "DROP TRIGGER file_version_of_another_time",
    "DROP TRIGGER post_shows_another_version",
    "DROP INDEX ix_file_version_trouble",
    "DROP INDEX ix_file_version_replaced",
    "ALTER TABLE file_version DROP COLUMN replaced",
    "DROP INDEX ix_standing_file",
    "DROP INDEX ix_standing_label",
    "DROP INDEX ix_standing_machine_score",
    "DROP INDEX ix_standing_target_holds_basis_id",
    "ALTER TABLE standing DROP COLUMN basis_id",
    "ALTER TABLE standing DROP COLUMN machine_score",
    "ALTER TABLE standing DROP COLUMN holds",
    "CREATE INDEX ix_standing_target_version_id ON standing (target, version_id)",
    "DROP TABLE basis",
)
