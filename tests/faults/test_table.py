"""docs/faults.md shows every row of the fault suite, and says of each what the tests say."""

from __future__ import annotations

from pathlib import Path

from tests.faults.catalogue import GROUPS, NOT_APPLICABLE, ROWS
from tests.faults.table import DOCUMENT, holders, missing, table, unknown, with_table


def test_every_row_is_tested_or_says_why_not() -> None:
    assert missing(holders()) == []


def test_no_mark_and_no_reason_names_a_row_that_there_is_not() -> None:
    assert unknown(holders()) == []
    assert set(NOT_APPLICABLE) <= set(ROWS)


def test_the_document_says_what_the_tests_say() -> None:
    document = DOCUMENT.read_text("utf-8")

    assert document == with_table(document, table(holders())), "python -m tests.faults.table --write"


def test_the_suite_has_all_its_rows() -> None:
    assert sum(row.first for row in ROWS.values()) == 167
    assert {row.group for row in ROWS.values()} == set(GROUPS)


def test_marks_are_found_wherever_they_may_stand(tmp_path: Path) -> None:
    (tmp_path / "test_marks.py").write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.fault('N01'), pytest.mark.skipif(False, reason='')]\n"
        "@pytest.mark.fault('N02', 'N03')\n"
        "@pytest.mark.slow\n"
        "async def test_one(): ...\n"
        "class TestSome:\n"
        "    @pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.fault('Z99'))])\n"
        "    def test_two(self, x): ...\n"
        "def helper(): ...\n"
    )
    (tmp_path / "rows_some.py").write_text("ROWS = [Row('H01 H03 in words', ()), Row(f'H05 {kind} of', ())]\n")

    found = holders(tmp_path)

    assert [(one.test, one.rows, one.slow) for one in found] == [
        ("H01 H03 in words", ("H01", "H03"), False),
        ("H05 … of", ("H05",), False),
        ("test_one", ("N01", "N02", "N03"), True),
        ("test_two", ("N01", "Z99"), False),
    ]
    assert unknown(found) == ["test_marks.py: test_two: Z99"]
