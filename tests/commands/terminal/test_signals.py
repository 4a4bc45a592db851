"""Requests to stop: what the first and the second do, which signals are listened to, and an end by force."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import Iterator

import pytest

from commands.terminal.exit_codes import ExitCode
from commands.terminal.machine_formats import one_reply
from commands.terminal.signals import StopRequest, end_by_force, obeying_signals, run_obeying

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


def listened_to() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


def _unheard(number: int, frame: object) -> None:
    raise AssertionError(f"{signal.Signals(number).name} came to the tests")


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    """Whatever the tests were started with: a signal that the program does not take fails the test that sent it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, _unheard)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_the_first_request_lets_work_in_flight_finish_and_the_second_ends_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = StopRequest(force=lambda code: None)
    work = asyncio.create_task(asyncio.Event().wait())

    with request.finishing_first():
        request.ask(ExitCode.INTERRUPTED, work)
        await asyncio.sleep(0)
        assert (request.event.is_set(), work.cancelling()) == (True, 0)
        assert "stopping: finishing what is in flight (interrupt again to stop at once)" in capsys.readouterr().err

        request.ask(ExitCode.TERMINATED, work)
        with pytest.raises(asyncio.CancelledError):
            await work

    request.over.set()
    assert request.code is ExitCode.INTERRUPTED  # the first one counts
    assert not request.patient


async def test_where_nothing_is_in_flight_the_first_request_ends_the_work() -> None:
    request = StopRequest(force=lambda code: None)
    work = asyncio.create_task(asyncio.Event().wait())

    request.ask(ExitCode.TERMINATED, work)
    with pytest.raises(asyncio.CancelledError):
        await work

    request.over.set()
    assert request.code is ExitCode.TERMINATED


async def test_signals_are_listened_to_while_the_block_runs_and_as_before_afterwards() -> None:
    before, request = listened_to(), StopRequest()

    with obeying_signals(request), request.finishing_first():
        os.kill(os.getpid(), signal.SIGTERM)
        await request.event.wait()

    assert request.code is ExitCode.TERMINATED
    assert listened_to() == before


async def test_a_signal_that_whoever_started_the_program_had_it_ignore_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does

    with obeying_signals(StopRequest()):
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not _unheard

    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


async def test_an_event_loop_that_takes_no_handlers_leaves_signals_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*given: object) -> None:
        raise NotImplementedError

    before = listened_to()
    monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuses)

    with obeying_signals(StopRequest()):
        assert listened_to() == before


@pytest.mark.parametrize("asked", [True, False])
def test_ctrl_c_while_the_loop_waits_for_a_thread_ends_by_force_only_what_was_asked_before(asked: bool) -> None:
    forced: list[int] = []
    request = StopRequest(force=forced.append, code=ExitCode.TERMINATED if asked else None)

    async def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_obeying(work(), request)

    assert forced == ([143] if asked else [])
    assert request.over.is_set()


def test_the_result_of_work_that_nobody_stops_is_given_on() -> None:
    async def work() -> str:
        return "done"

    request = StopRequest()

    assert run_obeying(work(), request) == "done"
    assert (request.over.is_set(), request.code) == (True, None)


class Terminal(io.StringIO):
    """Standard error of a person, or of a log."""

    def __init__(self, *, person: bool) -> None:
        super().__init__()
        self.person = person
        self.flushed = 0

    def isatty(self) -> bool:
        return self.person

    def flush(self) -> None:
        self.flushed += 1


@pytest.mark.parametrize(("person", "written"), [(True, "\x1b[?25h"), (False, "")])
def test_an_end_by_force_shows_the_cursor_again_and_says_what_was_kept(
    person: bool, written: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    terminal = Terminal(person=person)
    monkeypatch.setattr(os, "_exit", codes.append)

    with one_reply():
        end_by_force(130, terminal)

    assert (codes, terminal.getvalue(), terminal.flushed) == ([130], written, 1)
    assert "stopped at once, because something did not end by itself; what was done is kept" in capsys.readouterr().err
