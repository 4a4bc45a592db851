"""`crawl review` in the tests' own process: what it opens, which page it serves, and how it ends."""

from __future__ import annotations

import asyncio
import getpass
import socket
import sqlite3
import webbrowser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from commands.context.settings import Settings
from commands.context.workspace import Workspace
from commands.review import ReviewOptions, _round_command, _who, run
from migrations import HEAD
from review.errors import PortTaken
from review.server import bind, port_of
from storage.errors import DatabaseNewer
from tests.commands.measured_gallery import fill
from tests.storage.database.test_upgrade import ask
from tests.storage.samples import schema_at


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery that these tests only read."""
    root = tmp_path_factory.mktemp("reviewed") / "root"
    asyncio.run(fill(root, posts=8))
    return root


class Visit:
    """Stands for the server: asks the page for its front and ends as Ctrl-C ends it."""

    def __init__(self, *, interrupted: bool = False) -> None:
        self.interrupted = interrupted
        self.address = ""
        self.status = 0

    async def __call__(self, app: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
        started()
        self.address = f"http://127.0.0.1:{port_of(listening)}"
        self.status = await asyncio.to_thread(self._front, app)
        if self.interrupted:
            raise KeyboardInterrupt

    def _front(self, app: ASGIApp) -> int:
        with TestClient(app, base_url=self.address) as browser:
            return browser.get("/").status_code


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the user's browser is given."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", addresses.append)
    return addresses


def test_the_page_is_served_where_the_message_says(
    reviewed: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    visit = Visit()

    code = run(ReviewOptions(port=0), reviewed, None, visit)

    assert (code, visit.status, opened) == (0, 200, [])
    assert f"the page is at {visit.address}" in capsys.readouterr().err
    bind(int(visit.address.rsplit(":", 1)[1])).close()  # given back


def test_ctrl_c_closes_the_page_and_says_that_answers_are_saved(
    reviewed: Path, opened: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    visit = Visit(interrupted=True)

    code = run(ReviewOptions(port=0, open_browser=True), reviewed, None, visit)

    assert code == 0
    assert [address.rstrip("/") for address in opened] == [visit.address]
    assert capsys.readouterr().err.endswith("the page is closed; every answer that it showed as saved is saved\n")


def test_a_port_that_another_program_has_is_refused(reviewed: Path) -> None:
    with bind(0) as taken, pytest.raises(PortTaken, match="choose another with --port"):
        run(ReviewOptions(port=port_of(taken)), reviewed, None)


@pytest.mark.parametrize("config", [None, Path("crawl.toml")])
def test_a_round_from_the_page_has_its_gallery_and_its_settings(tmp_path: Path, config: Path | None) -> None:
    command = _round_command("mona", Workspace(tmp_path, "demo", Settings(), config))

    words = ["commands", "train", "mona", "--root", str(tmp_path), "--json-progress"]
    given = [] if config is None else ["--config", str(config.absolute())]
    assert list(command)[-len(words + given) :] == words + given


def test_a_gallery_of_a_newer_program_is_not_touched(tmp_path: Path) -> None:
    root = tmp_path / "root"
    asyncio.run(fill(root, posts=1))
    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    with pytest.raises(DatabaseNewer):
        run(ReviewOptions(port=0), root, None)


def test_a_gallery_that_an_older_program_left_is_upgraded_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    asyncio.run(fill(root, posts=1))
    schema_at(root / "crawl.db", "0006", back=True)
    visit = Visit()

    code = run(ReviewOptions(port=0), root, None, visit)

    assert (code, visit.status) == (0, 200)
    assert "database upgraded from schema 0006" in capsys.readouterr().err
    assert ask(root / "crawl.db", "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert list((root / "backups").iterdir()) != []


def test_a_user_without_a_name_is_somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)

    assert _who() == "somebody"
