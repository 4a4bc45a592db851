"""Promises that the rows alone can keep or break; each claim yields one line for every breach it finds."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.faults.checker.evidence import IDENTITY, RootContents

APPLICATION_ID = 0x62_73_76_31
DECISIONS = {"keep", "delete", "undecided"}
EXIT_CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 130, 143}
NAMED = (
    "SELECT d.*, p.post_id, p.site FROM decision d JOIN file_version v ON v.id = d.version_id"
    " JOIN post p ON p.key = v.post_key"
)

Row = sqlite3.Row


def database_is_whole(evidence: RootContents) -> Iterator[str]:
    """I17: SQLite finds nothing wrong, and the file belongs to this program and this root."""
    for row in evidence.all("PRAGMA integrity_check"):
        if row[0] != "ok":
            yield f"integrity: {row[0]}"
    for row in evidence.all("PRAGMA foreign_key_check"):
        yield f"{row[0]} row {row[1]} refers to a {row[2]} that is not there"
    if (found := evidence.all("PRAGMA application_id")[0][0]) != APPLICATION_ID:
        yield f"application id is {found:#x}"
    ids = [row["id"] for row in evidence.all("SELECT id FROM gallery")]
    marker = evidence.root / IDENTITY
    if not marker.is_file() or ids != [marker.read_text("ascii").strip()]:
        yield f"the root's marker and the database's id {ids} differ"
    if len(evidence.all("SELECT version_num FROM alembic_version")) != 1:
        yield "no single schema version is stated"


def decided_once(evidence: RootContents) -> Iterator[str]:
    """I1: at most one machine decision for the same post, file version, model and policy."""
    query = (
        "SELECT version_id, target, model_hash, policy, count(*) AS n FROM decision"
        " GROUP BY version_id, target, model_hash, policy HAVING n > 1"
    )
    for row in evidence.all(query):
        yield f"version {row['version_id']} was decided {row['n']} times for {row['target']} by one model and policy"


def newest(evidence: RootContents, version: int | None, target: str) -> tuple[Row | None, Row | None]:
    """The decision that was made last for a file version, and its newest label.

    A decision that is made again, because a setting was changed back, is not appended again; it stands again.
    """
    stands = evidence.all(
        "SELECT d.* FROM standing s JOIN decision d ON d.seq = s.decision_seq AND d.version_id = s.version_id"
        " AND d.target = s.target WHERE s.version_id = ? AND s.target = ?",
        version,
        target,
    )
    where = "WHERE version_id = ? AND target = ? ORDER BY seq DESC LIMIT 1"
    decisions = evidence.all(f"SELECT * FROM decision {where}", version, target)
    labels = evidence.all(f"SELECT * FROM label {where}", version, target)
    if stands and decisions and _made_again(evidence, decisions[0], stands[0]):
        decisions = stands
    held = [label for label in labels if label["value"] != "clear"]  # taken back: what the machine says holds
    return (decisions[0] if decisions else None), (held[0] if held else None)


def _made_again(evidence: RootContents, last: Row, stands: Row) -> bool:
    """Whether an older decision may stand again: a run came after the last one, or a model is in force again.

    Rescoring leaves no other trace: going back to a model or a threshold decides as before.
    """
    if evidence.all("SELECT 1 FROM run WHERE id > ? LIMIT 1", last["run_id"] or 0):
        return True
    active = "SELECT 1 FROM model WHERE target = ? AND active AND registered_at IS NOT NULL AND hash = ?"
    return bool(evidence.all(active, stands["target"], stands["model_hash"]))


def effective(decision: Row | None, label: Row | None) -> str | None:
    """What holds: the newest label, else the newest decision; *unsure* leaves it undecided."""
    if label is not None:
        return "undecided" if label["value"] == "unsure" else str(label["value"])
    return None if decision is None else str(decision["value"])


def view_agrees_with_history(evidence: RootContents) -> Iterator[str]:
    """I1: what `results` shows is what follows from the history of decisions and labels."""
    shown = {
        (row["site"], row["post_id"], row["target"]): row
        for row in evidence.all("SELECT * FROM results WHERE target IS NOT NULL")
    }
    current = evidence.all(
        "SELECT p.site, p.post_id, v.id AS version FROM post p"
        " JOIN file_version v ON v.post_key = p.key AND v.md5 = p.md5"
    )
    for post in current:
        for (target,) in evidence.all(
            "SELECT target FROM decision WHERE version_id = ?1 UNION SELECT target FROM label WHERE version_id = ?1",
            post["version"],
        ):
            decision, label = newest(evidence, post["version"], target)
            row = shown.pop((post["site"], post["post_id"], target), None)
            if row is None:
                yield f"post {post['post_id']}: decided for {target}, but not among the results"
                continue
            want = (effective(decision, label), None if label is None else label["value"])
            if (row["decision"], row["label"]) != want:
                yield f"post {post['post_id']}: results say {(row['decision'], row['label'])}, history says {want}"
            by = "label" if label is not None else decision["decided_by"] if decision is not None else None
            if row["decided_by"] != by:
                yield f"post {post['post_id']}: results say decided by {row['decided_by']}, history says {by}"
    for site, post_id, target in shown:
        if shown[site, post_id, target]["decision"] is not None:
            yield f"post {post_id}: results show {target} without any history"


def history_cannot_be_changed(evidence: RootContents) -> Iterator[str]:
    """I1: the database itself refuses to edit or remove decisions and labels (tried on a copy, or undone)."""
    for table in ("decision", "label"):
        if not evidence.all(f"SELECT 1 FROM {table} LIMIT 1"):
            continue
        changes = [f"UPDATE {table} SET value = 'keep'", f"DELETE FROM {table}"]
        changes.append(f"TRUNCATE {table}" if evidence.server else f"REPLACE INTO {table} SELECT * FROM {table}")
        for attempt in changes:
            if not evidence.is_refused(attempt):
                yield f"{attempt!r} is not refused"


def nothing_is_left_open(evidence: RootContents) -> Iterator[str]:
    """I2: after recovery no attempt and no move is open, and no run claims to be running."""
    for row in evidence.all("SELECT id, kind FROM attempt WHERE outcome IS NULL"):
        yield f"attempt {row['id']} ({row['kind']}) is still open"
    for row in evidence.all("SELECT id FROM move WHERE outcome IS NULL"):
        yield f"move {row['id']} is still open"
    for row in evidence.all("SELECT id FROM run WHERE state = 'running'"):
        yield f"run {row['id']} claims to be running"


def the_summary_is_true(evidence: RootContents) -> Iterator[str]:
    """I8: what each finished run counted is what its rows say."""
    for run in evidence.all("SELECT * FROM run WHERE state = 'ended' AND counts IS NOT NULL"):
        counts = json.loads(run["counts"])
        if run["exit_code"] not in EXIT_CODES or counts.get("exit", run["exit_code"]) != run["exit_code"]:
            yield f"run {run['id']}: exit code {run['exit_code']}, summary says {counts.get('exit')}"
        if "listed" not in counts:
            continue
        ends = sum(counts.get(name, 0) for name in ("kept", "deleted", "undecided", "failed", "gone", "hidden"))
        if ends > counts["listed"] or (run["exit_code"] == 0 and ends != counts["listed"]):
            yield f"run {run['id']}: {counts['listed']} posts listed, {ends} accounted for"
        if run["exit_code"] == 0 and counts["failed"]:
            yield f"run {run['id']}: ended complete with {counts['failed']} failed posts"
        yield from _recount(evidence, run, counts)
    last = evidence.all("SELECT exit_code FROM run WHERE state = 'ended' ORDER BY id DESC LIMIT 1")
    wanted = evidence.expected.last_exit
    if wanted is not None and (not last or last[0]["exit_code"] != wanted):
        yield f"the command ended with {wanted}, its row says {last[0]['exit_code'] if last else 'nothing'}"


def _recount(evidence: RootContents, run: Row, counts: dict[str, Any]) -> Iterator[str]:
    """The figures of one run, from what it wrote."""
    targets = json.loads(run["targets"])
    decided = evidence.all("SELECT version_id, target, value FROM decision WHERE run_id = ?", run["id"])
    versions = {row["version_id"] for row in decided}
    if len(versions) > counts["listed"]:
        yield f"run {run['id']}: decided {len(versions)} pictures, listed only {counts['listed']} posts"
    scored = evidence.all("SELECT count(DISTINCT version_id) FROM score WHERE run_id = ?", run["id"])[0][0]
    if scored > counts["scored"]:
        yield f"run {run['id']}: {scored} scores were written, {counts['scored']} counted"
    if len(targets) == 1 and not evidence.all("SELECT 1 FROM label LIMIT 1"):
        values = Counter(row["value"] for row in decided)
        for word, value in (("deleted", "delete"), ("undecided", "undecided")):
            if values[value] > counts[word]:
                yield f"run {run['id']}: decided {value} {values[value]} times, counted {counts[word]}"
    if run["exit_code"] == 0 and run["id"] == evidence.all("SELECT max(id) FROM run")[0][0]:
        yield from _whole_recount(evidence, run, counts, targets)


def _whole_recount(evidence: RootContents, run: Row, counts: dict[str, Any], targets: list[str]) -> Iterator[str]:
    """A run that walked everything, with one target: its figures are the gallery's own."""
    total = evidence.all("SELECT count(*) FROM post")[0][0]
    if len(targets) != 1 or counts["listed"] != total or _changed_since(evidence, run):
        return
    shown = Counter(
        row["decision"] for row in evidence.all("SELECT decision FROM results WHERE target = ?", targets[0])
    )
    shown["keep"] -= _kept_and_gone(evidence, targets[0])
    hidden = evidence.all("SELECT count(*) FROM post WHERE md5 IS NULL")[0][0]
    counted = (counts["kept"], counts["deleted"], counts["undecided"], counts["hidden"])
    recounted = (shown["keep"], shown["delete"], shown["undecided"], hidden)
    if counted != recounted:
        yield f"run {run['id']}: kept, deleted, undecided, hidden counted {counted}, the rows say {recounted}"


def _kept_and_gone(evidence: RootContents, target: str) -> int:
    """Posts that are to be kept, and whose originals the site has no more: a run counts them as gone."""
    query = (
        "SELECT p.post_id, v.id AS version FROM post p JOIN file_version v ON v.post_key = p.key AND v.md5 = p.md5"
        " WHERE v.state = 'unavailable'"
    )
    gone = 0
    for post in evidence.all(query):
        file = evidence.all("SELECT 1 FROM file WHERE version_id = ? AND target = ?", post["version"], target)
        gone += effective(*newest(evidence, post["version"], target)) == "keep" and not file
    return gone


def _changed_since(evidence: RootContents, run: Row) -> bool:
    """Whether somebody spoke since the run began, or all was decided again: what follows may be the next run's work."""
    spoken = evidence.all("SELECT 1 FROM label WHERE labelled_at > ? LIMIT 1", run["started_at"])
    return bool(spoken or evidence.all("SELECT 1 FROM decision WHERE run_id IS NULL LIMIT 1"))  # a crawl's have one


def complete_means_complete(evidence: RootContents) -> Iterator[str]:
    """I8: after exit code 0 nothing in the run's scope is left undone."""
    runs = evidence.all("SELECT * FROM run WHERE state = 'ended' ORDER BY id DESC LIMIT 1")
    if not runs or runs[0]["exit_code"] != 0 or runs[0]["command"] != "crawl" or _changed_since(evidence, runs[0]):
        return
    run = runs[0]
    settings, targets = json.loads(run["settings"]), json.loads(run["targets"])
    for listing in evidence.all("SELECT * FROM listing WHERE site = ? AND query = ?", run["site"], run["query"]):
        if settings.get("limit") is None and listing["state"] != "complete":
            yield f"exit 0, but the listing of {listing['query']!r} is {listing['state']}"
        for gap in evidence.all("SELECT * FROM gap WHERE listing_id = ? AND closed_at IS NULL", listing["id"]):
            yield f"exit 0, but ids {gap['above']}..{gap['below']} were not listed"
        if settings.get("limit") is None:
            yield from _left_undone(evidence, listing["id"], targets)


def _left_undone(evidence: RootContents, listing: int, targets: list[str]) -> Iterator[str]:
    query = (
        "SELECT p.post_id, v.id AS version, v.state FROM listing_post l JOIN post p ON p.key = l.post_key"
        " JOIN file_version v ON v.post_key = p.key AND v.md5 = p.md5 WHERE l.listing_id = ?"
    )
    for post in evidence.all(query, listing):
        if post["state"] == "unavailable":
            continue
        for target in targets:
            word = effective(*newest(evidence, post["version"], target))
            place = evidence.all("SELECT place FROM file WHERE version_id = ? AND target = ?", post["version"], target)
            if word is None:
                yield f"exit 0, but post {post['post_id']} is not decided for {target}"
            elif word == "keep" and [row["place"] for row in place] != ["gallery"]:
                yield f"exit 0, but post {post['post_id']} is kept for {target} and not in the gallery"


def every_listed_post_is_accounted_for(evidence: RootContents) -> Iterator[str]:
    """I10: each post that the site listed has a row, or lies in a recorded gap, or was refused with a reason."""
    if evidence.expected.posts is None:
        return
    known = {row["post_id"] for row in evidence.all("SELECT post_id FROM post")}
    refused = {row["post_id"] for row in evidence.all("SELECT post_id FROM refused")}
    gaps = evidence.all("SELECT above, below FROM gap WHERE closed_at IS NULL")
    for post_id in sorted(evidence.expected.posts - known - refused):
        if not any(gap["above"] < post_id and (gap["below"] is None or post_id < gap["below"]) for gap in gaps):
            yield f"post {post_id} was listed by the site and is nowhere"
    for post_id in sorted(known - evidence.expected.posts):
        yield f"post {post_id} was never listed by the site"


def no_deletion_without_a_score(evidence: RootContents) -> Iterator[str]:
    """I11: doubt never deletes; a delete has a finite score from a known model, below its threshold."""
    for row in evidence.all(f"{NAMED} ORDER BY d.seq"):
        score, threshold = row["score"], row["threshold"]
        if row["value"] not in DECISIONS:
            yield f"decision {row['seq']} says {row['value']!r}"
        if score is not None and not _probability(score):
            yield f"decision {row['seq']} on post {row['post_id']} carries the score {score!r}"
        if row["value"] != "delete":
            continue
        known = evidence.all("SELECT 1 FROM model WHERE hash = ? AND target = ?", row["model_hash"], row["target"])
        if row["decided_by"] != "score" or not _probability(score) or not _probability(threshold) or not known:
            yield f"post {row['post_id']} was deleted by {row['decided_by']}, score {score!r}, model {row['model']!r}"
        elif not score < threshold:
            yield f"post {row['post_id']} was deleted with {score} at threshold {threshold}"


def _probability(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value) and 0.0 <= value <= 1.0


def labels_are_kept(evidence: RootContents) -> Iterator[str]:
    """I13: every label that was acknowledged is there, in the order in which it was given."""
    query = (
        "SELECT p.post_id, l.target, l.value FROM label l JOIN file_version v ON v.id = l.version_id"
        " JOIN post p ON p.key = v.post_key ORDER BY l.seq"
    )
    stored = iter([tuple(row) for row in evidence.all(query)])
    for label in evidence.expected.labels:
        if label not in stored:  # moves the iterator on: the order counts
            yield f"the label {label[2]} on post {label[0]} for {label[1]} was acknowledged and is gone"


def scores_name_their_model(evidence: RootContents) -> Iterator[str]:
    """I14: every scored decision names a model that is known, and the score that this model gave."""
    query = (
        "SELECT d.seq, d.score, d.target, d.model_hash, s.value FROM decision d"
        " LEFT JOIN model m ON m.hash = d.model_hash AND m.target = d.target"
        " LEFT JOIN score s ON s.version_id = d.version_id AND s.model_id = m.id WHERE d.score IS NOT NULL"
    )
    for row in evidence.all(query):
        if row["value"] is None:
            yield f"decision {row['seq']} has a score that no known model gave"
        elif abs(row["value"] - row["score"]) > 1e-6:
            yield f"decision {row['seq']} rests on {row['score']}, its model gave {row['value']}"
