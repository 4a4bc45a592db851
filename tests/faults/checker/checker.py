"""Decides from outside whether a gallery kept its promises: `check(root)` lists every one that is broken.

It reads rows and files by itself (see `evidence`) and shares nothing with the program but names and constants. The
numbers are those of docs/faults.md. *Weak* promises must hold at any moment, even right after a kill; the others may be
broken until the next start has mended them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.checker import claims_about_files as files
from tests.faults.checker import claims_about_models as models
from tests.faults.checker import claims_about_rows as rows
from tests.faults.checker.evidence import PLACES, Expected, NoDatabase, RootContents, gathered, has_rows, walk


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    invariant: str  # I1 … I17
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


Claim = Callable[[RootContents], Iterator[str]]
CLAIMS: tuple[tuple[str, bool, Claim], ...] = (  # invariant, whether it must hold right after a kill, how it is decided
    ("I17", True, rows.database_is_whole),
    ("I1", False, rows.decided_once),
    ("I1", False, rows.view_agrees_with_history),
    ("I1", True, rows.history_cannot_be_changed),
    ("I2", False, files.every_row_has_its_file),
    ("I2", False, files.every_file_has_its_row),
    ("I2", False, rows.nothing_is_left_open),
    ("I3", False, files.originals_are_the_sites),
    ("I3", False, files.renditions_are_whole),
    ("I4", True, files.nothing_left_without_a_decision),
    ("I5", True, files.the_secret_is_nowhere),
    ("I8", False, rows.the_summary_is_true),
    ("I8", False, rows.complete_means_complete),
    ("I10", False, rows.every_listed_post_is_accounted_for),
    ("I11", True, rows.no_deletion_without_a_score),
    ("I13", True, rows.labels_are_kept),
    ("I14", True, rows.scores_name_their_model),
    ("I14", True, models.one_model_is_in_force),
    ("I14", True, models.registered_models_are_whole),
    ("I14", True, models.decisions_name_registered_models),
)


def check(root: Path, expected: Expected | None = None, *, weak: bool = False) -> list[Violation]:
    """Every broken promise; nothing when all is well.

    Args:
        root: a gallery that no program is writing to.
        expected: what is known from outside.
        weak: only what must hold right after a kill. A gallery that was killed before it had a database is well.
    """
    try:
        with gathered(root, expected or Expected()) as evidence:
            return [
                Violation(invariant, what)
                for invariant, holds_always, claim in CLAIMS
                if holds_always or not weak
                for what in claim(evidence)
            ]
    except NoDatabase as error:
        if weak and not has_rows(root) and not _has_pictures(root):
            return []  # it died while the gallery was being made
        return [Violation("I17", str(error))]


def _has_pictures(root: Path) -> bool:
    return any(path.partition("/")[0] in PLACES for path in walk(root)) if root.exists() else False


def state_digest(root: Path) -> str:
    """Our own state digest: SHA-256 over one line a post and target, a label and an open gap.

    No times, attempt counts or run ids; scores rounded to three digits. Hashes are of the bytes on disk.
    """
    with gathered(root, Expected()) as evidence:
        lines = [*_post_lines(evidence), *_label_lines(evidence), *_gap_lines(evidence)]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def state_lines(root: Path) -> list[str]:
    """The digest's lines, to see what differs."""
    with gathered(root, Expected()) as evidence:
        return sorted([*_post_lines(evidence), *_label_lines(evidence), *_gap_lines(evidence)])


def _post_lines(evidence: RootContents) -> Iterator[str]:
    for post in evidence.all(
        "SELECT p.site, p.post_id, p.hidden_reason, v.id AS version, v.md5, v.state, v.trouble"
        " FROM post p LEFT JOIN file_version v ON v.post_key = p.key"
    ):
        shown = [post["site"], post["post_id"], post["hidden_reason"], post["md5"], post["state"], post["trouble"]]
        targets = evidence.all("SELECT target FROM standing WHERE version_id = ? ORDER BY target", post["version"])
        renditions = evidence.all("SELECT name, path FROM rendition WHERE md5 = ? ORDER BY name", post["md5"])
        copies = [[row["name"], _sha256(evidence, row["path"])] for row in renditions]
        yield json.dumps(["post", *shown, copies])
        for target in (row["target"] for row in targets):
            yield json.dumps(
                ["standing", *shown[:2], post["md5"], target, *_standing(evidence, post["version"], target)]
            )


def _standing(evidence: RootContents, version: int, target: str) -> list[object]:
    decision, label = rows.newest(evidence, version, target)
    file = evidence.all("SELECT place, path FROM file WHERE version_id = ? AND target = ?", version, target)
    score = None if decision is None or decision["score"] is None else round(decision["score"], 3)
    return [
        rows.effective(decision, label),
        "human" if label is not None else None if decision is None else [decision["model"], decision["decided_by"]],
        score,
        [[row["place"], _sha256(evidence, row["path"])] for row in file],
    ]


def _sha256(evidence: RootContents, path: str | None) -> str | None:
    found = evidence.files.get(path or "")
    return None if found is None else found.sha256


def _label_lines(evidence: RootContents) -> Iterator[str]:
    query = (
        "SELECT p.site, p.post_id, v.md5, l.target, l.value FROM label l"
        " JOIN file_version v ON v.id = l.version_id JOIN post p ON p.key = v.post_key"
    )
    return (json.dumps(["label", *row]) for row in evidence.all(query))


def _gap_lines(evidence: RootContents) -> Iterator[str]:
    query = (
        "SELECT l.site, l.query, g.above, g.below FROM gap g JOIN listing l ON l.id = g.listing_id"
        " WHERE g.closed_at IS NULL"
    )
    return (json.dumps(["gap", *row]) for row in evidence.all(query))
