"""The guards with which galleries on Postgres began: what is kept for ever is refused to be changed or removed.

As in the steps for SQLite, without those against REPLACE, which Postgres has not; TRUNCATE is refused as DELETE is.
"""

from __future__ import annotations

from collections.abc import Mapping

FUNCTIONS = (
    """\
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
END $$
""",
    """\
CREATE FUNCTION move_is_decided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM file JOIN standing ON standing.version_id = file.version_id AND standing.target = file.target
        LEFT JOIN decision ON decision.seq = standing.decision_seq LEFT JOIN label ON label.seq = standing.label_seq
        WHERE file.id = NEW.file_id AND coalesce(label.value, decision.value) = 'delete'
        AND (NEW.to_place = 'trash' OR file.place = 'trash'))
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
    END IF;
    RETURN NEW;
END $$
""",
    """\
CREATE FUNCTION file_has_an_intent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM move WHERE move.file_id = OLD.id AND move.to_place = NEW.place) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
    END IF;
    RETURN NEW;
END $$
""",
    """\
CREATE FUNCTION post_shows_another_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE file_version SET replaced = md5 IS DISTINCT FROM NEW.md5 WHERE post_key = NEW.key;
    RETURN NULL;
END $$
""",
    """\
CREATE FUNCTION file_version_of_another_time() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.replaced := NEW.md5 IS DISTINCT FROM (SELECT post.md5 FROM post WHERE post.key = NEW.post_key);
    RETURN NEW;
END $$
""",
)


def _refused(when: str, says: str, condition: str = "") -> str:
    return f"{when} FOR EACH ROW {f'WHEN ({condition}) ' if condition else ''}EXECUTE FUNCTION refuse('{says}')"


def _keeps(table: str, columns: tuple[str, ...], says: str) -> str:
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in columns)
    return _refused(f"BEFORE UPDATE ON {table}", says, changed)


_LABELS = "labels are appended, never changed"
_DECISIONS = "decisions are appended, never changed"
_PARTS = "what was held out of learning is held out for ever"
_FILES = "what is known of a file is kept for ever"
_MOVES = "moves are recorded for ever"
_VERSIONS = "labels and decisions rest on this file version; it is kept for ever"
_POSTS = "labels and decisions rest on this post; it is kept for ever"
_KEPT = {
    "label": _LABELS,
    "decision": _DECISIONS,
    "part": _PARTS,
    "file": _FILES,
    "move": _MOVES,
    "file_version": _VERSIONS,
    "post": _POSTS,
}
_IN_DOUBT = (
    "NEW.value = 'delete' AND NOT (NEW.decided_by = 'score' AND NEW.model_hash <> '' "
    "AND coalesce(NEW.score BETWEEN 0 AND 1, false))"
)
_LESS_STRICT = "(OLD.value = 'test' AND NEW.value <> 'test') OR (OLD.value = 'validation' AND NEW.value = 'train')"

GUARDS: Mapping[str, str] = {
    **{f"{table}_refuses_delete": _refused(f"BEFORE DELETE ON {table}", says) for table, says in _KEPT.items()},
    **{
        f"{table}_refuses_truncate": f"BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse('{says}')"
        for table, says in _KEPT.items()
    },
    "label_refuses_update": _refused("BEFORE UPDATE ON label", _LABELS),
    "decision_refuses_update": _refused("BEFORE UPDATE ON decision", _DECISIONS),
    "decision_never_deletes_in_doubt": _refused(
        "BEFORE INSERT ON decision", "a delete needs a score between 0 and 1 by a model", _IN_DOUBT
    ),
    "part_only_becomes_stricter": _refused("BEFORE UPDATE ON part", _PARTS, _LESS_STRICT),
    "part_keeps_its_key": _keeps("part", ("post_key", "target"), _PARTS),
    "file_keeps_its_key": _keeps("file", ("id", "version_id", "target"), _FILES),
    "move_keeps_its_key": _keeps("move", ("id", "file_id"), _MOVES),
    "move_that_ended_refuses_update": _refused("BEFORE UPDATE ON move", _MOVES, "OLD.outcome IS NOT NULL"),
    "file_version_keeps_its_key": _keeps("file_version", ("id", "post_key", "md5"), _VERSIONS),
    "post_keeps_its_key": _keeps("post", ("key",), _POSTS),
    "move_needs_a_decision": (
        "BEFORE INSERT ON move FOR EACH ROW WHEN (NEW.to_place = 'trash') "
        "EXECUTE FUNCTION move_is_decided('only what is decided or labelled delete leaves the gallery')"
    ),
    "purge_needs_a_decision": (
        "BEFORE INSERT ON move FOR EACH ROW WHEN (NEW.to_place = 'purged') EXECUTE FUNCTION move_is_decided("
        "'only what lies in the trash and is decided or labelled delete is destroyed')"
    ),
    "file_leaves_by_intent": (
        "BEFORE UPDATE OF place ON file FOR EACH ROW WHEN (OLD.place = 'gallery' AND NEW.place IN ('trash', 'purged')) "
        "EXECUTE FUNCTION file_has_an_intent('a file leaves the gallery by a recorded move')"
    ),
    "post_shows_another_version": (
        "AFTER UPDATE OF md5 ON post FOR EACH ROW WHEN (NEW.md5 IS DISTINCT FROM OLD.md5) "
        "EXECUTE FUNCTION post_shows_another_version()"
    ),
    "file_version_of_another_time": (
        "BEFORE INSERT ON file_version FOR EACH ROW EXECUTE FUNCTION file_version_of_another_time()"
    ),
}
