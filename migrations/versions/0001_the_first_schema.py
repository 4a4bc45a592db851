"""The first schema.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build it."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    """Going back is restoring a backup."""
    raise NotImplementedError("restore the backup that was made before the upgrade")


STATEMENTS = (
    """\
CREATE TABLE ai_name (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    CONSTRAINT pk_ai_name PRIMARY KEY (id),
    CONSTRAINT uq_ai_name_name UNIQUE (name)
)
""",
    """\
CREATE TABLE backbone (
    id INTEGER NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_backbone PRIMARY KEY (id),
    CONSTRAINT uq_backbone_hash UNIQUE (hash)
)
""",
    """\
CREATE TABLE gallery (
    id TEXT NOT NULL,
    created_at DATETIME NOT NULL,
    CONSTRAINT pk_gallery PRIMARY KEY (id)
)
""",
    """\
CREATE TABLE listing (
    id INTEGER NOT NULL,
    site TEXT NOT NULL,
    "query" TEXT NOT NULL,
    walk INTEGER NOT NULL,
    newer_only BOOLEAN NOT NULL,
    cursor INTEGER,
    highest INTEGER,
    newest INTEGER,
    state TEXT NOT NULL,
    counted INTEGER,
    started_at DATETIME NOT NULL,
    completed_at DATETIME,
    CONSTRAINT pk_listing PRIMARY KEY (id),
    CONSTRAINT uq_listing_site_query UNIQUE (site, "query")
)
""",
    """\
CREATE TABLE model (
    id INTEGER NOT NULL,
    target TEXT NOT NULL,
    number INTEGER NOT NULL,
    hash TEXT NOT NULL,
    backbone_hash TEXT NOT NULL,
    threshold DOUBLE NOT NULL,
    round INTEGER,
    parent TEXT,
    facts JSON NOT NULL,
    seen_at DATETIME NOT NULL,
    registered_at DATETIME,
    active BOOLEAN NOT NULL,
    activated_at DATETIME,
    CONSTRAINT pk_model PRIMARY KEY (id),
    CONSTRAINT uq_model_target_hash UNIQUE (target, hash)
)
""",
    """\
CREATE UNIQUE INDEX uq_model_active ON model (target) WHERE active
""",
    """\
CREATE UNIQUE INDEX uq_model_number ON model (target, number) WHERE registered_at IS NOT NULL
""",
    """\
CREATE TABLE post (
    "key" INTEGER NOT NULL,
    site TEXT NOT NULL,
    post_id INTEGER NOT NULL,
    md5 TEXT,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    rating TEXT NOT NULL,
    score INTEGER NOT NULL,
    fav_count INTEGER NOT NULL,
    source TEXT NOT NULL,
    uploader_id INTEGER,
    parent_id INTEGER,
    has_children BOOLEAN NOT NULL,
    is_pending BOOLEAN NOT NULL,
    is_flagged BOOLEAN NOT NULL,
    is_deleted BOOLEAN NOT NULL,
    is_banned BOOLEAN NOT NULL,
    hidden_reason TEXT,
    pixel_hash TEXT,
    duration_s DOUBLE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    ext TEXT NOT NULL,
    size INTEGER NOT NULL,
    has_ai_tags BOOLEAN NOT NULL,
    count_general INTEGER NOT NULL,
    count_artist INTEGER NOT NULL,
    count_copyright INTEGER NOT NULL,
    count_character INTEGER NOT NULL,
    count_meta INTEGER NOT NULL,
    seen_at DATETIME NOT NULL,
    seen_run_id INTEGER,
    CONSTRAINT pk_post PRIMARY KEY ("key"),
    CONSTRAINT uq_post_site_post_id UNIQUE (site, post_id)
)
""",
    """\
CREATE INDEX ix_post_md5 ON post (md5)
""",
    """\
CREATE INDEX ix_post_parent_id ON post (parent_id)
""",
    """\
CREATE INDEX ix_post_pixel_hash ON post (pixel_hash)
""",
    """\
CREATE INDEX ix_post_post_id ON post (post_id)
""",
    """\
CREATE TABLE rendition (
    md5 TEXT NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    ext TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    stored_at DATETIME NOT NULL,
    CONSTRAINT pk_rendition PRIMARY KEY (md5, name)
)
""",
    """\
CREATE TABLE run (
    id INTEGER NOT NULL,
    command TEXT NOT NULL,
    site TEXT NOT NULL,
    "query" TEXT NOT NULL,
    targets JSON NOT NULL,
    settings JSON NOT NULL,
    models JSON NOT NULL,
    started_at DATETIME NOT NULL,
    ended_at DATETIME,
    state TEXT NOT NULL,
    exit_code INTEGER,
    counts JSON,
    CONSTRAINT pk_run PRIMARY KEY (id)
)
""",
    """\
CREATE TABLE tag (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    category TEXT NOT NULL,
    CONSTRAINT pk_tag PRIMARY KEY (id),
    CONSTRAINT uq_tag_name_category UNIQUE (name, category)
)
""",
    """\
CREATE TABLE target (
    site TEXT NOT NULL,
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    variants JSON NOT NULL,
    CONSTRAINT pk_target PRIMARY KEY (site, name)
)
""",
    """\
CREATE TABLE ai_tag (
    post_key INTEGER NOT NULL,
    name_id INTEGER NOT NULL,
    score INTEGER NOT NULL,
    CONSTRAINT pk_ai_tag PRIMARY KEY (post_key, name_id),
    CONSTRAINT fk_ai_tag_post_key_post FOREIGN KEY(post_key) REFERENCES post ("key"),
    CONSTRAINT fk_ai_tag_name_id_ai_name FOREIGN KEY(name_id) REFERENCES ai_name (id)
)
 WITHOUT ROWID
""",
    """\
CREATE INDEX ix_ai_tag_name_id_post_key ON ai_tag (name_id, post_key)
""",
    """\
CREATE TABLE file_version (
    id INTEGER NOT NULL,
    post_key INTEGER NOT NULL,
    md5 TEXT NOT NULL,
    ext TEXT NOT NULL,
    size INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    url TEXT NOT NULL,
    renditions JSON NOT NULL,
    state TEXT NOT NULL,
    trouble TEXT,
    first_seen_at DATETIME NOT NULL,
    CONSTRAINT pk_file_version PRIMARY KEY (id),
    CONSTRAINT uq_file_version_post_key_md5 UNIQUE (post_key, md5),
    CONSTRAINT fk_file_version_post_key_post FOREIGN KEY(post_key) REFERENCES post ("key")
)
""",
    """\
CREATE INDEX ix_file_version_md5 ON file_version (md5)
""",
    """\
CREATE TABLE gap (
    id INTEGER NOT NULL,
    listing_id INTEGER NOT NULL,
    above INTEGER NOT NULL,
    below INTEGER,
    reason TEXT NOT NULL,
    opened_at DATETIME NOT NULL,
    closed_at DATETIME,
    CONSTRAINT pk_gap PRIMARY KEY (id),
    CONSTRAINT fk_gap_listing_id_listing FOREIGN KEY(listing_id) REFERENCES listing (id)
)
""",
    """\
CREATE INDEX ix_gap_listing_id ON gap (listing_id)
""",
    """\
CREATE TABLE listing_post (
    listing_id INTEGER NOT NULL,
    post_id INTEGER NOT NULL,
    post_key INTEGER NOT NULL,
    walk INTEGER NOT NULL,
    CONSTRAINT pk_listing_post PRIMARY KEY (listing_id, post_id),
    CONSTRAINT fk_listing_post_listing_id_listing FOREIGN KEY(listing_id) REFERENCES listing (id),
    CONSTRAINT fk_listing_post_post_key_post FOREIGN KEY(post_key) REFERENCES post ("key")
)
 WITHOUT ROWID
""",
    """\
CREATE TABLE post_tag (
    post_key INTEGER NOT NULL,
    tag_id INTEGER NOT NULL,
    CONSTRAINT pk_post_tag PRIMARY KEY (post_key, tag_id),
    CONSTRAINT fk_post_tag_post_key_post FOREIGN KEY(post_key) REFERENCES post ("key"),
    CONSTRAINT fk_post_tag_tag_id_tag FOREIGN KEY(tag_id) REFERENCES tag (id)
)
 WITHOUT ROWID
""",
    """\
CREATE INDEX ix_post_tag_tag_id_post_key ON post_tag (tag_id, post_key)
""",
    """\
CREATE TABLE refused (
    id INTEGER NOT NULL,
    listing_id INTEGER NOT NULL,
    walk INTEGER NOT NULL,
    post_id INTEGER,
    reason TEXT NOT NULL,
    run_id INTEGER,
    seen_at DATETIME NOT NULL,
    CONSTRAINT pk_refused PRIMARY KEY (id),
    CONSTRAINT fk_refused_listing_id_listing FOREIGN KEY(listing_id) REFERENCES listing (id)
)
""",
    """\
CREATE INDEX ix_refused_listing_id ON refused (listing_id)
""",
    """\
CREATE TABLE attempt (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    version_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    url TEXT NOT NULL,
    number INTEGER NOT NULL,
    opened_at DATETIME NOT NULL,
    closed_at DATETIME,
    outcome TEXT,
    reason TEXT,
    company INTEGER,
    CONSTRAINT fk_attempt_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id)
)
""",
    """\
CREATE INDEX ix_attempt_open ON attempt (id) WHERE outcome IS NULL
""",
    """\
CREATE INDEX ix_attempt_version_id ON attempt (version_id)
""",
    """\
CREATE TABLE decision (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    version_id INTEGER NOT NULL,
    target TEXT NOT NULL,
    value TEXT NOT NULL,
    decided_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    score DOUBLE,
    threshold DOUBLE,
    model TEXT,
    model_hash TEXT NOT NULL,
    policy TEXT NOT NULL,
    run_id INTEGER,
    decided_at DATETIME NOT NULL,
    CONSTRAINT uq_decision_version_id_target_model_hash_policy UNIQUE (version_id, target, model_hash, policy),
    CONSTRAINT fk_decision_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id)
)
""",
    """\
CREATE TABLE embedding (
    id INTEGER NOT NULL,
    version_id INTEGER NOT NULL,
    backbone_id INTEGER NOT NULL,
    vector BLOB NOT NULL,
    CONSTRAINT pk_embedding PRIMARY KEY (id),
    CONSTRAINT uq_embedding_version_id_backbone_id UNIQUE (version_id, backbone_id),
    CONSTRAINT fk_embedding_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id),
    CONSTRAINT fk_embedding_backbone_id_backbone FOREIGN KEY(backbone_id) REFERENCES backbone (id)
)
""",
    """\
CREATE TABLE file (
    id INTEGER NOT NULL,
    version_id INTEGER NOT NULL,
    target TEXT NOT NULL,
    place TEXT NOT NULL,
    path TEXT,
    md5 TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    stored_at DATETIME NOT NULL,
    moved_at DATETIME,
    CONSTRAINT pk_file PRIMARY KEY (id),
    CONSTRAINT uq_file_version_id_target UNIQUE (version_id, target),
    CONSTRAINT fk_file_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id)
)
""",
    """\
CREATE INDEX ix_file_md5 ON file (md5)
""",
    """\
CREATE TABLE label (
    seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    version_id INTEGER NOT NULL,
    target TEXT NOT NULL,
    value TEXT NOT NULL,
    who TEXT NOT NULL,
    client_key TEXT NOT NULL,
    labelled_at DATETIME NOT NULL,
    CONSTRAINT uq_label_client_key UNIQUE (client_key),
    CONSTRAINT fk_label_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id)
)
""",
    """\
CREATE INDEX ix_label_version_id_target ON label (version_id, target)
""",
    """\
CREATE TABLE score (
    version_id INTEGER NOT NULL,
    model_id INTEGER NOT NULL,
    value DOUBLE NOT NULL,
    run_id INTEGER,
    CONSTRAINT pk_score PRIMARY KEY (version_id, model_id),
    CONSTRAINT fk_score_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id),
    CONSTRAINT fk_score_model_id_model FOREIGN KEY(model_id) REFERENCES model (id)
)
 WITHOUT ROWID
""",
    """\
CREATE TABLE move (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL,
    from_place TEXT NOT NULL,
    to_place TEXT NOT NULL,
    from_path TEXT NOT NULL,
    to_path TEXT NOT NULL,
    decision_seq INTEGER,
    label_seq INTEGER,
    opened_at DATETIME NOT NULL,
    closed_at DATETIME,
    outcome TEXT,
    CONSTRAINT fk_move_file_id_file FOREIGN KEY(file_id) REFERENCES file (id)
)
""",
    """\
CREATE INDEX ix_move_file_id ON move (file_id)
""",
    """\
CREATE INDEX ix_move_open ON move (id) WHERE outcome IS NULL
""",
    """\
CREATE TABLE standing (
    version_id INTEGER NOT NULL,
    target TEXT NOT NULL,
    decision_seq INTEGER,
    label_seq INTEGER,
    file_id INTEGER,
    CONSTRAINT pk_standing PRIMARY KEY (version_id, target),
    CONSTRAINT fk_standing_version_id_file_version FOREIGN KEY(version_id) REFERENCES file_version (id),
    CONSTRAINT fk_standing_decision_seq_decision FOREIGN KEY(decision_seq) REFERENCES decision (seq),
    CONSTRAINT fk_standing_label_seq_label FOREIGN KEY(label_seq) REFERENCES label (seq),
    CONSTRAINT fk_standing_file_id_file FOREIGN KEY(file_id) REFERENCES file (id)
)
 WITHOUT ROWID
""",
    """\
CREATE INDEX ix_standing_target_version_id ON standing (target, version_id)
""",
    """\
CREATE TRIGGER decision_refuses_update BEFORE UPDATE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are appended, never changed'); END
""",
    """\
CREATE TRIGGER decision_refuses_delete BEFORE DELETE ON decision
BEGIN SELECT RAISE(ABORT, 'decisions are appended, never changed'); END
""",
    """\
CREATE TRIGGER label_refuses_update BEFORE UPDATE ON label
BEGIN SELECT RAISE(ABORT, 'labels are appended, never changed'); END
""",
    """\
CREATE TRIGGER label_refuses_delete BEFORE DELETE ON label
BEGIN SELECT RAISE(ABORT, 'labels are appended, never changed'); END
""",
    """\
CREATE TRIGGER decision_never_deletes_in_doubt BEFORE INSERT ON decision
WHEN NEW.value = 'delete' AND NOT (NEW.decided_by = 'score' AND NEW.model_hash <> '' AND coalesce(NEW.score BETWEEN 0 AND 1, 0))
BEGIN SELECT RAISE(ABORT, 'a delete needs a score between 0 and 1 by a model'); END
""",
    """\
CREATE TRIGGER move_needs_a_decision BEFORE INSERT ON move
WHEN NEW.to_place = 'trash' AND NOT EXISTS (
    SELECT 1 FROM file JOIN standing ON standing.version_id = file.version_id AND standing.target = file.target
    LEFT JOIN decision ON decision.seq = standing.decision_seq LEFT JOIN label ON label.seq = standing.label_seq
    WHERE file.id = NEW.file_id AND coalesce(label.value, decision.value) = 'delete')
BEGIN SELECT RAISE(ABORT, 'only what is decided or labelled delete leaves the gallery'); END
""",
    """\
CREATE TRIGGER file_leaves_by_intent BEFORE UPDATE OF place ON file
WHEN OLD.place = 'gallery' AND NEW.place IN ('trash', 'purged') AND NOT EXISTS (
    SELECT 1 FROM move WHERE move.file_id = OLD.id AND move.to_place = NEW.place)
BEGIN SELECT RAISE(ABORT, 'a file leaves the gallery by a recorded move'); END
""",
    """\
CREATE TRIGGER file_refuses_delete BEFORE DELETE ON file
BEGIN SELECT RAISE(ABORT, 'what is known of a file is kept for ever'); END
""",
    """\
CREATE VIEW results AS
SELECT post.site AS site, post.post_id AS post_id, standing.target AS target, CASE WHEN (label.value = 'unsure') THEN 'undecided' ELSE coalesce(label.value, decision.value) END AS decision, CASE WHEN (label.seq IS NOT NULL) THEN 'label' ELSE decision.decided_by END AS decided_by, CASE WHEN (label.seq IS NOT NULL) THEN 'labelled ' || label.value || ' by ' || label.who ELSE decision.reason END AS reason, decision.score AS score, decision.threshold AS threshold, decision.model AS model, label.value AS label, coalesce((SELECT group_concat(anon_1.name, ' ') AS group_concat_1
FROM (SELECT tag_1.name AS name
FROM tag AS tag_1 JOIN post_tag AS post_tag_1 ON post_tag_1.tag_id = tag_1.id
WHERE post_tag_1.post_key = post."key" ORDER BY tag_1.name) AS anon_1), '') AS tags, coalesce((SELECT group_concat(anon_2.name, ' ') AS group_concat_2
FROM (SELECT tag_2.name AS name
FROM tag AS tag_2 JOIN post_tag AS post_tag_2 ON post_tag_2.tag_id = tag_2.id
WHERE post_tag_2.post_key = post."key" AND tag_2.category = 'character' ORDER BY tag_2.name) AS anon_2), '') AS tags_character, coalesce((SELECT group_concat(anon_3.name, ' ') AS group_concat_3
FROM (SELECT tag_3.name AS name
FROM tag AS tag_3 JOIN post_tag AS post_tag_3 ON post_tag_3.tag_id = tag_3.id
WHERE post_tag_3.post_key = post."key" AND tag_3.category = 'copyright' ORDER BY tag_3.name) AS anon_3), '') AS tags_copyright, coalesce((SELECT group_concat(anon_4.name, ' ') AS group_concat_4
FROM (SELECT tag_4.name AS name
FROM tag AS tag_4 JOIN post_tag AS post_tag_4 ON post_tag_4.tag_id = tag_4.id
WHERE post_tag_4.post_key = post."key" AND tag_4.category = 'artist' ORDER BY tag_4.name) AS anon_4), '') AS tags_artist, coalesce((SELECT group_concat(anon_5.name, ' ') AS group_concat_5
FROM (SELECT tag_5.name AS name
FROM tag AS tag_5 JOIN post_tag AS post_tag_5 ON post_tag_5.tag_id = tag_5.id
WHERE post_tag_5.post_key = post."key" AND tag_5.category = 'general' ORDER BY tag_5.name) AS anon_5), '') AS tags_general, post.rating AS rating, post.score AS site_score, post.md5 AS md5, post.ext AS file_ext, post.width AS width, post.height AS height, post.size AS file_size, post.source AS source, post.created_at AS created_at, coalesce(file.place, 'none') AS place, file.path AS path, (SELECT ai_tag.score
FROM ai_tag JOIN ai_name ON ai_name.id = ai_tag.name_id JOIN target ON target.tag = ai_name.name AND target.site = post.site
WHERE ai_tag.post_key = post."key" AND target.name = standing.target) AS site_ai_score, CASE WHEN (label.seq IS NOT NULL) THEN label.labelled_at ELSE decision.decided_at END AS decided_at, decision.run_id AS run_id
FROM post LEFT OUTER JOIN file_version ON file_version.post_key = post."key" AND file_version.md5 = post.md5 LEFT OUTER JOIN standing ON standing.version_id = file_version.id LEFT OUTER JOIN decision ON decision.seq = standing.decision_seq LEFT OUTER JOIN label ON label.seq = standing.label_seq LEFT OUTER JOIN file ON file.id = standing.file_id
""",
)
