"""What holds for every test: nobody leaves this machine, and which rows of the fault suite to run."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Iterator

import pytest
import typer.main
import typer.testing

from tests import loopback
from tests.equipment import galleries_on
from tests.equipment.object_server import ObjectServer, object_server_or_skip, share_an_object_server
from tests.equipment.postgres import PostgresServer, server_or_skip, share_a_server


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--row F03`, more than once if wanted, and `--store`."""
    parser.addoption("--row", action="append", default=[], help="only tests that hold this row of the fault suite")
    parser.addoption(
        "--store",
        choices=("sqlite", "postgres"),
        default="sqlite",
        help="where the galleries that tests make have their rows",
    )


def pytest_configure(config: pytest.Config) -> None:
    """From here on no socket of this process leads to another machine, and what tests start can be stopped.

    A shell starts its background jobs with SIGINT ignored, and whoever supervises a run may ignore SIGTERM; programs
    inherit that, and a test that sends itself such a signal would wait for ever. The command line is put together
    once: `CliRunner` does it for every command, from the signatures of all of them, in 0.02 s.
    """
    loopback.keep_watch()
    galleries_on.choose(config.getoption("--store"))
    if not hasattr(config, "workerinput"):
        share_a_server()
        share_an_object_server()
    typer.testing._get_command = functools.cache(typer.main.get_command)  # type: ignore[attr-defined]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what holds none of the rows that were asked for; on a server what is about the file, and what is alike.

    Alike are tests without a gallery, and those that make a server's galleries whatever `--store` says.
    """
    if galleries_on.on_a_server():
        alike = [item for item in items if item.get_closest_marker("no_gallery") or _asks_for_a_server(item)]
        config.hook.pytest_deselected(items=alike)
        items[:] = [item for item in items if item not in set(alike)]
        for item in items:
            for mark in item.iter_markers("sqlite"):
                item.add_marker(pytest.mark.skip(reason=f"about SQLite: {mark.args[0]}"))
    wanted = set(config.getoption("--row"))
    if wanted:
        left_out = [item for item in items if not wanted & _rows_of(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if wanted & _rows_of(item)]


def pytest_make_parametrize_id(val: object, argname: str) -> None:
    """Refuse a gzip as a test's name: it holds the time, and pytest-xdist wants the same names in every process."""
    if isinstance(val, bytes) and val.startswith(b"\x1f\x8b"):
        raise pytest.UsageError(f"a gzip as {argname} needs a name of its own: pytest.param(..., id=...)")


def _asks_for_a_server(item: pytest.Item) -> bool:
    return "server" in getattr(item, "fixturenames", ())


def _rows_of(item: pytest.Item) -> set[str]:
    return {row for mark in item.iter_markers("fault") for row in mark.args}


@pytest.fixture(scope="session", autouse=True)
def _own_state_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the program's processes share, request budgets above all, is not shared with other tests' processes."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """An S3 server of the tests' own. Skips where none can be had."""
    with object_server_or_skip(monkeypatch) as server:
        yield server


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A Postgres server of the tests' own; what a test makes on it goes. Skips where none can be had."""
    server = server_or_skip()
    before = server.made
    yield server
    server.drop_databases(before)


@pytest.fixture(autouse=True)
def _messages_are_not_quiet() -> None:
    """A command with `--quiet` silences the console that all commands of a process share."""
    console = sys.modules.get("commands.terminal.console")
    if console is not None:
        console.messages().quiet = False


@pytest.fixture(autouse=True)
def _nobody_leaves_this_machine() -> Iterator[None]:
    """Fail a test that tried, even when the program took the refusal for an ordinary one."""
    loopback.tried.clear()
    yield
    assert loopback.tried == []
