"""Pages to talk to: over a service in memory, over a real gallery, and the real command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.equipment.browser import Browser, browsing
from tests.equipment.review_gallery import fill
from tests.equipment.served import ServedPage, serving
from tests.review.pieces import Opened, opened
from tests.review.program import Painted


@pytest.fixture
def page() -> Opened:
    """A page over a service in memory."""
    return opened()


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Painted:
    """A gallery of 240 painted pictures with a real model; tests take copies."""
    root = tmp_path_factory.mktemp("painted") / "gallery-data"
    return Painted(root, fill(root, 240))


@pytest.fixture
def gallery(painted: Painted, tmp_path: Path) -> Painted:
    """A copy that a test may write to."""
    return painted.copied_to(tmp_path / "gallery-data")


@pytest.fixture
def served(gallery: Painted) -> Iterator[ServedPage]:
    """The real command, serving the gallery."""
    with serving(gallery.root) as page:
        yield page


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def browser(window: Browser, served: ServedPage) -> Browser:
    window.complaints()
    window.open(served.url)
    return window


@pytest.fixture(scope="module")
def shared(painted: Painted) -> Iterator[ServedPage]:
    """A page for tests that only look."""
    with serving(painted.root) as page:
        yield page


@pytest.fixture
def looking(window: Browser, shared: ServedPage) -> Browser:
    window.driver.get("about:blank")
    window.complaints()
    window.open(shared.url)
    return window
