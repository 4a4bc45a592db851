"""Standard streams of every kind: what is written to them never fails, and what was lost is remembered."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.terminal.streams import StandardStream


class Broken(io.StringIO):
    """A stream on which every write fails in one way."""

    def __init__(self, error: Exception, *, terminal: bool = False) -> None:
        super().__init__()
        self.error, self.terminal = error, terminal

    def write(self, text: str) -> int:
        raise self.error

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture
def stream() -> StandardStream:
    return StandardStream("stdout")


def encoded(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")


def content(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


def test_a_character_that_the_encoding_lacks_becomes_the_nearest_one(
    stream: StandardStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", below := encoded("ascii"))

    assert stream.write("0.5–0.9 → モナ…") == 13

    assert content(below) == b"0.5-0.9 -> ??..."


def test_what_programs_read_is_utf8_whatever_the_encoding(
    stream: StandardStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", below := encoded("cp932"))

    stream.write_utf8("モナ\udcff\n")

    assert content(below) == "モナ\\udcff\n".encode()


def test_programs_can_be_written_to_where_only_text_is_taken(
    stream: StandardStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", below := io.StringIO())

    stream.write_utf8("モナ")

    assert below.getvalue() == "モナ"


@pytest.mark.parametrize(
    ("error", "terminal", "trouble"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), False, "No space left on device"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), False, None),
        (OSError(errno.EBADF, "Bad file descriptor"), False, None),
        (OSError(errno.EIO, "Input/output error"), True, None),
        (OSError(errno.EIO, "Input/output error"), False, "Input/output error"),
        (ValueError("I/O operation on closed file"), False, None),
    ],
    ids=["full", "nobody reads", "closed", "terminal gone", "disk broken", "closed under our feet"],
)
def test_a_write_that_fails_is_remembered_only_where_somebody_asked_for_it(
    stream: StandardStream,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    terminal: bool,
    trouble: str | None,
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(error, terminal=terminal))

    with stream.standing_in():
        for _ in range(2):
            assert print("lost") is None
        stream.write_utf8("lost too")
        stream.flush()

        assert (stream.fate.gone, stream.fate.trouble) == (True, trouble)
    assert not stream.fate.gone  # the next command begins anew


def test_a_stream_that_is_not_there_takes_everything_and_gives_nothing(
    stream: StandardStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)

    assert stream.write("word") == 4
    stream.write_utf8("word")
    stream.flush()
    assert (stream.encoding, stream.isatty(), stream.writable()) == ("utf-8", False, True)
    for ask in (stream.fileno, lambda: stream.buffer):
        with pytest.raises(OSError, match="closed"):
            ask()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[io.TextIOWrapper]:
    with (tmp_path / "out").open("w+", encoding="latin-1") as opened:
        yield opened


def test_it_is_the_stream_below_in_all_that_libraries_ask(
    stream: StandardStream, file: io.TextIOWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", file)

    with stream.standing_in():
        assert sys.stdout is stream
        with stream.standing_in():  # a command within a command
            assert sys.stdout is stream
        assert os.fstat(stream.fileno()).st_ino == os.fstat(file.fileno()).st_ino
        assert (stream.encoding, stream.errors, stream.isatty()) == ("latin-1", "replace", False)
        assert stream.buffer is file.buffer
    assert sys.stdout is file


def test_the_end_of_the_interpreter_says_nothing_about_our_streams() -> None:
    """Python 3.13 prints what a stream's last flush raises; older ones do so in development mode."""
    code = "from commands.terminal import streams; streams.OUTPUT.write('all')"

    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("all", "")
