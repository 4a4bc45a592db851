"""Every mutation applies to the present code, and the report on them is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.mutations.__main__ import MutationResult, WorkingCopy, report
from bench.mutations.changes import MUTATIONS, Mutation

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.file}: {mutation.name}")
def test_a_mutation_still_changes_exactly_one_place(mutation: Mutation) -> None:
    content = (REPOSITORY / mutation.file).read_text("utf-8")

    assert content.count(mutation.old) == 1
    assert mutation.new != mutation.old
    compile(content.replace(mutation.old, mutation.new), mutation.file, "exec")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"{mutation.file}: {mutation.name}")
def test_the_tests_that_must_notice_it_are_there(mutation: Mutation) -> None:
    for test in mutation.tests:
        file, _, name = test.partition("::")
        assert (REPOSITORY / file).is_file(), file
        assert not name or f"def {name.partition('[')[0]}(" in (REPOSITORY / file).read_text("utf-8"), test


def test_every_room_has_mutations_and_no_two_are_the_same() -> None:
    assert len(MUTATIONS) >= 70
    assert {mutation.file.partition("/")[0] for mutation in MUTATIONS} >= {
        "storage", "crawler", "classifier", "rounds", "review", "commands",
    }  # fmt: skip
    assert len({(mutation.file, mutation.old, mutation.new) for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one module and one test, instead of this one."""
    (tmp_path / "sums.py").write_text("def total(a, b):\n    return a + b\n\ndef unused():\n    return 1\n")
    (tmp_path / "test_sums.py").write_text("from sums import total\ndef test_total():\n    assert total(2, 3) == 5\n")
    return tmp_path


def test_a_mutation_is_killed_survives_is_equivalent_or_stale(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = WorkingCopy(tmp_path_factory.mktemp("copy"), project, ["sums.py", "test_sums.py"])
    tests = ("test_sums.py",)

    states = [
        copy.judge(mutation).state
        for mutation in (
            Mutation("minus", "sums.py", "a + b", "a - b", tests),
            Mutation("two", "sums.py", "return 1", "return 2", tests),
            Mutation("two", "sums.py", "return 1", "return 2", tests, equivalent="nobody calls it"),
            Mutation("gone", "sums.py", "a * b", "a + b", tests),
            Mutation("no test", "sums.py", "a + b", "a - b", ("test_none.py",)),
        )
    ]

    assert states == ["killed", "survived", "equivalent", "stale", "stale"]
    assert (copy.tree / "sums.py").read_text() == (project / "sums.py").read_text()


def test_the_report_names_what_has_to_be_dealt_with() -> None:
    mutation = Mutation("minus", "sums.py", "a", "b", ("test_sums.py",), equivalent="")

    text = report([MutationResult(mutation, "killed", 1.0), MutationResult(mutation, "survived", 2.0, "1 passed")])

    assert "survived" in text
    assert "1 passed" in text
    assert text.endswith("2 mutations: 1 killed, 0 equivalent, 1 survived, 0 stale")
