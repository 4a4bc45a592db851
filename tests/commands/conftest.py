"""What several tests of commands begin with."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.commands.training.test_rounds import fill


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery that was looked at for mona, to be copied: nobody works in it."""
    root = tmp_path_factory.mktemp("filled") / "root"
    asyncio.run(fill(root))
    return root
