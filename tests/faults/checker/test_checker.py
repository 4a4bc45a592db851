"""The checker notices: every promise is broken by hand in a copy of a good gallery, and must be found broken."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.equipment import galleries_on
from tests.faults.checker.checker import CLAIMS, check, state_digest
from tests.faults.checker.evidence import Expected, tree_digest
from tests.faults.simulator.experiment import Laboratory
from tests.faults.simulator.simulator import CANARY, LOGIN, POSTS

pytestmark = pytest.mark.sqlite("it breaks a file's rows by hand")


@dataclass(frozen=True, slots=True)
class Broken:
    """A gallery to be broken."""

    root: Path

    def do(self, *statements: str) -> None:
        """Change rows behind the program's back: no triggers, no foreign keys."""
        rows = sqlite3.connect(self.root / "crawl.db", isolation_level=None)
        triggers = [row[0] for row in rows.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        made = [row[0] for row in rows.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")]
        for name in triggers:
            rows.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            rows.execute(statement)
        for statement in made:
            rows.execute(statement)
        rows.close()

    def kept(self) -> Path:
        """Some original in the gallery."""
        return min(path for path in (self.root / "gallery").rglob("*") if path.is_file())

    def rendition(self) -> Path:
        """Some rendition."""
        return min(path for path in (self.root / "renditions").rglob("*") if path.is_file())

    @property
    def package(self) -> Path:
        """The model's folder."""
        return self.root / "models" / "mona" / "1"

    def register_a_model(self) -> None:
        """Give the stub's model a folder, and put it in force as if a round had made it."""
        self.package.mkdir(parents=True)
        (self.package / "head.npz").write_bytes(b"head")
        facts = {"size": 4, "sha256": hashlib.sha256(b"head").hexdigest()}
        manifest = json.dumps({"files": {"head.npz": facts}})
        (self.package / "manifest.json").write_text(manifest)
        found = hashlib.sha256(manifest.encode()).hexdigest()
        self.do(
            f"UPDATE model SET hash = '{found}', active = 1, registered_at = seen_at",
            f"UPDATE decision SET model_hash = '{found}' WHERE model_hash <> ''",
        )


Damage = Callable[[Broken], object]


def _without_unique_key(gallery: Broken) -> None:
    gallery.do(
        "CREATE TABLE copy AS SELECT * FROM decision",
        "PRAGMA foreign_keys = OFF",
        "DROP VIEW results",
        "ALTER TABLE decision RENAME TO old",
        "CREATE TABLE decision AS SELECT * FROM copy",
        "INSERT INTO decision SELECT * FROM copy WHERE seq = 1",
        "CREATE VIEW results AS SELECT 'sim' AS site, 0 AS post_id, NULL AS target, NULL AS decision",
    )


def _editable(gallery: Broken) -> None:
    rows = sqlite3.connect(gallery.root / "crawl.db", isolation_level=None)
    rows.execute("DROP TRIGGER decision_refuses_update")
    rows.close()


def _older_stands(gallery: Broken) -> None:
    gallery.do(
        "INSERT INTO decision SELECT NULL, version_id, target, 'undecided', 'fault', 'x', NULL, threshold, model,"
        " model_hash, 'other', run_id, decided_at FROM decision WHERE version_id = 2"
    )


def _foreign_link(gallery: Broken) -> None:
    (gallery.root / "staging" / "1.part").symlink_to("/etc/passwd")


def _purged_silently(gallery: Broken) -> None:
    gallery.do("UPDATE file SET place = 'purged', path = NULL WHERE id = 1")


def _moved_to_trash(gallery: Broken) -> None:
    target = gallery.root / "trash" / "1.jpg"
    gallery.kept().rename(target)


def _truncate_database(gallery: Broken) -> None:
    path = gallery.root / "crawl.db"
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)


def _counts(name: str, change: int) -> Damage:
    def change_count(gallery: Broken) -> None:
        rows = sqlite3.connect(gallery.root / "crawl.db")
        counts = json.loads(rows.execute("SELECT counts FROM run").fetchone()[0])
        rows.close()
        counts[name] += change
        text = json.dumps(counts).replace("'", "''")
        gallery.do(f"UPDATE run SET counts = '{text}'")

    return change_count


def _rows(*statements: str) -> Damage:
    return lambda gallery: gallery.do(*statements)


ANOTHER = (
    "INSERT INTO model (target, backbone_hash, threshold, facts, seen_at, number, hash, active, registered_at)"
    " SELECT target, backbone_hash, threshold, facts, seen_at,"
)
OF = "FROM model"
SOME = "(SELECT min(seq) FROM decision WHERE value = 'delete')"
BREAKS: tuple[tuple[str, str, Damage], ...] = (
    ("I1", "a picture decided twice by one model", _without_unique_key),
    ("I1", "a decision edited", _rows("UPDATE standing SET decision_seq = (SELECT max(seq) FROM decision)")),
    ("I1", "an older decision that stands", lambda gallery: _older_stands(gallery)),
    ("I1", "a standing removed", _rows("DELETE FROM standing WHERE version_id = 1")),
    ("I1", "a history that can be edited", _editable),
    ("I2", "a kept file deleted", lambda gallery: gallery.kept().unlink()),
    ("I2", "a kept file replaced", lambda gallery: gallery.kept().write_bytes(b"something else")),
    ("I2", "a file without a row", lambda gallery: shutil.copy(gallery.kept(), f"{gallery.kept()}x")),
    ("I2", "a rendition without a row", _rows("DELETE FROM rendition WHERE md5 = (SELECT min(md5) FROM rendition)")),
    ("I2", "a rendition deleted", lambda gallery: gallery.rendition().unlink()),
    ("I2", "a leftover in staging", lambda gallery: (gallery.root / "staging" / "9.part").write_bytes(b"x")),
    ("I2", "a link in staging", _foreign_link),
    ("I2", "an attempt that never ended", _rows("UPDATE attempt SET outcome = NULL WHERE id = 1")),
    ("I2", "a run that claims to be running", _rows("UPDATE run SET state = 'running'")),
    ("I3", "an original that is not the site's", _rows("UPDATE file_version SET size = size + 1")),
    ("I3", "a truncated rendition", lambda gallery: _cut(gallery.rendition())),
    ("I3", "a rendition of other dimensions", _rows("UPDATE rendition SET width = width + 1")),
    ("I4", "a file in the trash without a decision", _moved_to_trash),
    ("I4", "a row in the trash without a decision", _rows("UPDATE file SET place = 'trash' WHERE id = 1")),
    ("I4", "a purge without a record", _purged_silently),
    ("I5", "the key in the log", lambda gallery: (gallery.root / "crawl.log").write_text(f"key={CANARY}")),
    ("I5", "the key in a header that was logged", lambda gallery: _log_header(gallery)),
    ("I5", "the key in the database", _rows(f"UPDATE post SET source = '{CANARY}' WHERE key = 1")),
    ("I8", "a kept post too many in the summary", _counts("kept", 1)),
    ("I8", "a deleted post too few in the summary", _counts("deleted", -1)),
    ("I8", "another exit code", _rows("UPDATE run SET exit_code = 3")),
    ("I8", "an open gap after exit 0", _rows("INSERT INTO gap VALUES (1, 1, 5, 15, 'x', '2026-01-01', NULL)")),
    ("I8", "an undecided post after exit 0", _rows("DELETE FROM standing", "DELETE FROM decision WHERE seq = 1")),
    ("I8", "an unfinished listing after exit 0", _rows("UPDATE listing SET state = 'walking'")),
    ("I10", "a listed post without a row", _rows("UPDATE post SET post_id = 11 WHERE post_id = 10")),
    ("I11", "a deletion without a score", _rows(f"UPDATE decision SET score = NULL WHERE seq = {SOME}")),
    ("I11", "a deletion with an infinite score", _rows(f"UPDATE decision SET score = -9e999 WHERE seq = {SOME}")),
    ("I11", "a deletion above the threshold", _rows(f"UPDATE decision SET score = 0.9 WHERE seq = {SOME}")),
    ("I11", "a deletion by a fault", _rows(f"UPDATE decision SET decided_by = 'fault' WHERE seq = {SOME}")),
    ("I11", "a deletion by an unknown model", _rows("UPDATE decision SET model_hash = 'f00'")),
    ("I13", "a label lost", _rows("DELETE FROM label")),
    ("I13", "a label changed", _rows("UPDATE label SET value = 'unsure'")),
    ("I14", "a score that no model gave", _rows("DELETE FROM score")),
    ("I17", "a damaged page", _truncate_database),
    ("I17", "a reference to nothing", _rows("PRAGMA foreign_keys = OFF", "DELETE FROM file_version WHERE id = 1")),
    ("I17", "another gallery's database", lambda gallery: (gallery.root / ".gallery-id").write_text("other")),
    ("I17", "another program's database", _rows("PRAGMA application_id = 1")),
    ("I17", "no database", lambda gallery: (gallery.root / "crawl.db").unlink()),
)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _log_header(gallery: Broken) -> None:
    header = base64.b64encode(f"{LOGIN}:{CANARY}".encode()).decode()
    (gallery.root / "crawl.log").write_text(f"authorization: Basic {header}")


@pytest.fixture
def gallery(laboratory: Laboratory, place: Path) -> Broken:
    """A good gallery, with one label, to be broken."""
    galleries_on.copied(laboratory.whole, place / "root")
    made = Broken(place / "root")
    rows = sqlite3.connect(made.root / "crawl.db", isolation_level=None)
    label = "INSERT INTO label VALUES (1, 1, 'mona', 'delete', 'me', 'k1', '2026-01-01 00:00:00.000000', 'manual')"
    rows.execute(label)
    rows.execute("UPDATE standing SET label_seq = 1 WHERE version_id = 1")
    rows.close()
    return made


@pytest.fixture
def expected(laboratory: Laboratory, gallery: Broken) -> Expected:
    """What is known from outside of that gallery."""
    rows = sqlite3.connect(gallery.root / "crawl.db")
    (post_id,) = rows.execute(
        "SELECT post_id FROM post p JOIN file_version v ON v.post_key = p.key WHERE v.id = 1"
    ).fetchone()
    rows.close()
    labels = ((post_id, "mona", "delete"),)
    return Expected(posts=POSTS, files=laboratory.published, canary=CANARY, labels=labels, last_exit=0)


def test_a_good_gallery_has_nothing_to_complain_about(gallery: Broken, expected: Expected) -> None:
    assert check(gallery.root, expected) == []


@pytest.mark.fault("P18")
@pytest.mark.parametrize(("invariant", "what", "damage"), BREAKS, ids=[f"{i} {what}" for i, what, _ in BREAKS])
def test_every_broken_promise_is_noticed(
    invariant: str, what: str, damage: Damage, gallery: Broken, expected: Expected
) -> None:
    damage(gallery)

    found = check(gallery.root, expected)

    assert invariant in {violation.invariant for violation in found}, f"{what}: {found}"


MODEL_BREAKS: tuple[tuple[str, Damage], ...] = (
    ("is missing", lambda gallery: (gallery.package / "head.npz").unlink()),
    ("not what the manifest says", lambda gallery: (gallery.package / "head.npz").write_bytes(b"HEAD")),
    ("not the registered one", lambda gallery: (gallery.package / "manifest.json").write_text('{"files": {}}')),
    ("has no manifest", lambda gallery: shutil.rmtree(gallery.package)),
    ("0 of 1 models are in force", _rows("UPDATE model SET active = 0")),
    ("2 of 2 models are in force", _rows("DROP INDEX uq_model_active", f"{ANOTHER} 2, 'f00', 1, registered_at {OF}")),
    ("which nobody registered", _rows(f"{ANOTHER} 2, 'f00', 0, NULL {OF}", "UPDATE decision SET model_hash = 'f00'")),
)


@pytest.mark.parametrize(("words", "damage"), MODEL_BREAKS, ids=[words for words, _ in MODEL_BREAKS])
def test_a_model_that_is_half_there_is_noticed(words: str, damage: Damage, gallery: Broken) -> None:
    gallery.register_a_model()
    assert check(gallery.root, weak=True) == []

    damage(gallery)

    assert words in "\n".join(map(str, check(gallery.root, weak=True)))


def test_every_promise_is_broken_by_some_test() -> None:
    assert {invariant for invariant, _, _ in CLAIMS} == {invariant for invariant, _, _ in BREAKS}


def test_the_checker_changes_nothing(gallery: Broken, expected: Expected) -> None:
    before = tree_digest(gallery.root)

    check(gallery.root, expected)
    state_digest(gallery.root)

    assert tree_digest(gallery.root) == before


@pytest.mark.fault("U15")
def test_the_key_in_the_programs_output_is_noticed(gallery: Broken) -> None:
    found = check(gallery.root, Expected(canary=CANARY, texts={"stderr": f"401 for {CANARY}"}))

    assert [violation.invariant for violation in found] == ["I5"]


def test_another_decision_gives_another_digest(gallery: Broken) -> None:
    before = state_digest(gallery.root)

    current = "SELECT max(decision_seq) FROM standing JOIN decision ON decision_seq = seq WHERE value <> 'undecided'"
    gallery.do(f"UPDATE decision SET value = 'undecided' WHERE seq = ({current})")

    assert state_digest(gallery.root) != before


def test_times_and_runs_do_not_change_the_digest(gallery: Broken) -> None:
    before = state_digest(gallery.root)

    gallery.do("UPDATE decision SET decided_at = '2030-01-01 00:00:00.000000', run_id = 9", "DELETE FROM attempt")

    assert state_digest(gallery.root) == before
