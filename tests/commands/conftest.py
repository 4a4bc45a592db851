"""What several tests of commands begin with."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.terminal.console import messages, results
from tests.commands.training.test_rounds import fill


@pytest.fixture(autouse=True)
def _new_consoles() -> Iterator[None]:
    """A console keeps the width that COLUMNS had when it was made."""
    yield
    messages.cache_clear()
    results.cache_clear()


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery that was looked at for mona, to be copied: nobody works in it."""
    root = tmp_path_factory.mktemp("filled") / "root"
    asyncio.run(fill(root))
    return root
