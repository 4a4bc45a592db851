"""The rows of the fault suite, end to end: each is a line of data and one standard experiment."""

from __future__ import annotations

import pytest

from tests.faults import rows_network, rows_pictures
from tests.faults.experiment import Laboratory, Row, conduct

ROWS = (*rows_network.ROWS, *rows_pictures.ROWS)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_site_that_misbehaves_changes_nothing_in_the_end(row: Row, laboratory: Laboratory) -> None:
    conduct(row, laboratory)
