"""The rows of the fault suite, end to end: each is a line of data and one standard experiment."""

from __future__ import annotations

import pytest

from tests.faults import rows_network, rows_pictures
from tests.faults.simulator.experiment import Laboratory, Row, conduct
from tests.faults.table import rows_in_name

ROWS = (*rows_network.ROWS, *rows_pictures.ROWS)


@pytest.mark.fault("P18")
@pytest.mark.parametrize(
    "row", [pytest.param(row, id=str(row), marks=pytest.mark.fault(*rows_in_name(row.name))) for row in ROWS]
)
def test_a_site_that_misbehaves_changes_nothing_in_the_end(row: Row, laboratory: Laboratory) -> None:
    conduct(row, laboratory)
