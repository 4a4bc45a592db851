"""What holds for every test: which rows of the fault suite to run."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--row F03`, more than once if wanted."""
    parser.addoption("--row", action="append", default=[], help="only tests that hold this row of the fault suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what holds none of the rows that were asked for."""
    wanted = set(config.getoption("--row"))
    if wanted:
        left_out = [item for item in items if not wanted & _rows_of(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if wanted & _rows_of(item)]


def _rows_of(item: pytest.Item) -> set[str]:
    return {row for mark in item.iter_markers("fault") for row in mark.args}
