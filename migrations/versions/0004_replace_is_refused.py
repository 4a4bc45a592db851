"""REPLACE and its kin cannot remove what is kept for ever, whatever the connection's own settings are.

SQLite runs the delete triggers for a row that REPLACE removes only where `recursive_triggers` is on, and another
program's connection has it off. So the guards stand before the insert and before a change of a key.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the guards."""
    for name, body in GUARDS.items():
        op.get_bind().exec_driver_sql(f"CREATE TRIGGER {name} {body}")


def downgrade() -> None:
    """Take them away again."""
    for name in GUARDS:
        op.get_bind().exec_driver_sql(f"DROP TRIGGER {name}")


def _refuse(when: str, says: str) -> str:
    return f"{when}\nBEGIN SELECT RAISE(ABORT, '{says}'); END"


_LABELS = "labels are appended, never changed"
_DECISIONS = "decisions are appended, never changed"
_PARTS = "what was held out of learning is held out for ever"
_FILES = "what is known of a file is kept for ever"
_MOVES = "moves are recorded for ever"
_VERSIONS = "labels and decisions rest on this file version; it is kept for ever"
_POSTS = "labels and decisions rest on this post; it is kept for ever"

# No trigger says UPDATE OF: a change of `rowid` would pass it, for it names none of the columns.
# In a BEFORE INSERT trigger NEW.seq is -1 where SQLite is about to choose it; no row may have that number.
GUARDS = {
    "label_refuses_replace": _refuse(
        "BEFORE INSERT ON label WHEN EXISTS (SELECT 1 FROM label WHERE seq = NEW.seq OR client_key = NEW.client_key)",
        _LABELS,
    ),
    "label_is_numbered_upwards": _refuse("AFTER INSERT ON label WHEN NEW.seq < 1", _LABELS),
    "decision_refuses_replace": _refuse(
        "BEFORE INSERT ON decision WHEN EXISTS (SELECT 1 FROM decision WHERE seq = NEW.seq) OR EXISTS (\n"
        "    SELECT 1 FROM decision WHERE version_id = NEW.version_id AND target = NEW.target\n"
        "    AND model_hash = NEW.model_hash AND policy = NEW.policy)",
        _DECISIONS,
    ),
    "decision_is_numbered_upwards": _refuse("AFTER INSERT ON decision WHEN NEW.seq < 1", _DECISIONS),
    "part_refuses_replace": _refuse(
        "BEFORE INSERT ON part WHEN EXISTS (\n"
        "    SELECT 1 FROM part WHERE post_key = NEW.post_key AND target = NEW.target)",
        _PARTS,
    ),
    "part_keeps_its_key": _refuse(
        "BEFORE UPDATE ON part WHEN NEW.post_key IS NOT OLD.post_key OR NEW.target IS NOT OLD.target", _PARTS
    ),
    "file_refuses_replace": _refuse(
        "BEFORE INSERT ON file WHEN EXISTS (SELECT 1 FROM file WHERE id = NEW.id) OR EXISTS (\n"
        "    SELECT 1 FROM file WHERE version_id = NEW.version_id AND target = NEW.target)",
        _FILES,
    ),
    "file_keeps_its_key": _refuse(
        "BEFORE UPDATE ON file WHEN NEW.id IS NOT OLD.id OR NEW.version_id IS NOT OLD.version_id\n"
        "    OR NEW.target IS NOT OLD.target",
        _FILES,
    ),
    "file_is_numbered_upwards": _refuse("AFTER INSERT ON file WHEN NEW.id < 1", _FILES),
    "move_refuses_delete": _refuse("BEFORE DELETE ON move", _MOVES),
    "move_refuses_replace": _refuse(
        "BEFORE INSERT ON move WHEN EXISTS (SELECT 1 FROM move WHERE id = NEW.id)", _MOVES
    ),
    "move_keeps_its_key": _refuse(
        "BEFORE UPDATE ON move WHEN NEW.id IS NOT OLD.id OR NEW.file_id IS NOT OLD.file_id", _MOVES
    ),
    "move_that_ended_refuses_update": _refuse("BEFORE UPDATE ON move WHEN OLD.outcome IS NOT NULL", _MOVES),
    "move_is_numbered_upwards": _refuse("AFTER INSERT ON move WHEN NEW.id < 1", _MOVES),
    "file_version_refuses_delete": _refuse("BEFORE DELETE ON file_version", _VERSIONS),
    "file_version_refuses_replace": _refuse(
        "BEFORE INSERT ON file_version WHEN EXISTS (SELECT 1 FROM file_version WHERE id = NEW.id) OR EXISTS (\n"
        "    SELECT 1 FROM file_version WHERE post_key = NEW.post_key AND md5 = NEW.md5)",
        _VERSIONS,
    ),
    "file_version_keeps_its_key": _refuse(
        "BEFORE UPDATE ON file_version WHEN NEW.id IS NOT OLD.id OR NEW.post_key IS NOT OLD.post_key\n"
        "    OR NEW.md5 IS NOT OLD.md5",
        _VERSIONS,
    ),
    "file_version_is_numbered_upwards": _refuse("AFTER INSERT ON file_version WHEN NEW.id < 1", _VERSIONS),
    "post_refuses_delete": _refuse("BEFORE DELETE ON post", _POSTS),
    "post_refuses_replace": _refuse(
        'BEFORE INSERT ON post WHEN EXISTS (SELECT 1 FROM post WHERE "key" = NEW."key") OR EXISTS (\n'
        "    SELECT 1 FROM post WHERE site = NEW.site AND post_id = NEW.post_id)",
        _POSTS,
    ),
    "post_keeps_its_key": _refuse(
        'BEFORE UPDATE ON post WHEN NEW."key" IS NOT OLD."key" OR EXISTS (\n'
        '    SELECT 1 FROM post WHERE site = NEW.site AND post_id = NEW.post_id AND "key" <> OLD."key")',
        _POSTS,
    ),
    "post_is_numbered_upwards": _refuse('AFTER INSERT ON post WHEN NEW."key" < 1', _POSTS),
}
