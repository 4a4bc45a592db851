"""The network rows of the fault suite, end to end: each is a line of data and one standard experiment."""

from __future__ import annotations

import pytest

from tests.faults.experiment import Laboratory, Row, conduct

ORIGINALS, RENDITIONS, LISTING = "/original/*", "/720x720/*", "/posts.json"

ROWS: tuple[Row, ...] = (
    Row("H01 listing answers 500 twice", [{"match": {"path": LISTING, "nth": [1, 2]}, "do": {"status": 500}}]),
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_site_that_misbehaves_changes_nothing_in_the_end(row: Row, laboratory: Laboratory) -> None:
    conduct(row, laboratory)
