"""Standard output and standard error, whatever they are: a terminal, a file, a full disk, a pipe nobody reads, nothing.

What is written to them never fails: work that was done is done, also when it cannot be reported. What could
not be written is remembered, and the command's end says so and exits with the code of a storage problem. A reader who
went away (`… | head -1`) and an output that is closed (`>&-`) have asked for nothing more: they are no trouble.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TextIO

_NEAREST = str.maketrans({"–": "-", "—": "-", "·": "-", "…": "...", "→": "->", "×": "x", "’": "'", "“": '"', "”": '"'})


@dataclass(slots=True)
class Fate:
    """What became of a stream."""

    terminal: bool = False  # whether it was one at the beginning
    gone: bool = False  # nothing more is written
    trouble: str | None = None  # why, when it should have been


class StandardStream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of the moment, with the manners above."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._below: TextIO | None = None  # what it writes to, while it stands in `sys` itself
        self.fate = Fate()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # io declares a variable
        return getattr(self._stream(), "encoding", None) or "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # io declares a variable
        return "replace"

    @property
    def buffer(self) -> BinaryIO:
        """What takes bytes; for libraries that write past us."""
        stream = self._stream()
        if stream is None:
            raise OSError(errno.EBADF, "closed")
        return stream.buffer

    def isatty(self) -> bool:
        stream = self._stream()
        return stream is not None and stream.isatty()

    def fileno(self) -> int:
        stream = self._stream()
        if stream is None:
            raise OSError(errno.EBADF, "closed")
        return stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Write in the stream's own encoding; a character that it lacks becomes the nearest one, or `?`."""
        stream = self._stream()
        if stream is not None and not self.fate.gone:
            with self._surviving(stream):
                try:
                    stream.write(text)
                except UnicodeEncodeError:
                    encoding = self.encoding
                    stream.write(text.translate(_NEAREST).encode(encoding, "replace").decode(encoding))
        return len(text)

    def write_utf8(self, text: str) -> None:
        """Write in UTF-8 whatever the stream's encoding: this is for programs."""
        stream = self._stream()
        if stream is None or self.fate.gone:
            return
        with self._surviving(stream):
            binary = getattr(stream, "buffer", None)
            if binary is None:
                stream.write(text)
            else:
                stream.flush()
                binary.write(text.encode("utf-8", "backslashreplace"))
            stream.flush()

    def flush(self) -> None:
        stream = self._stream()
        if stream is not None and not self.fate.gone:
            with self._surviving(stream):
                stream.flush()

    def close(self) -> None:
        """Not ours to close. The interpreter calls this at its very end, when modules have lost what they held."""

    @contextlib.contextmanager
    def standing_in(self) -> Iterator[None]:
        """While the block runs it is what everybody writes to, whoever looks for it in `sys`."""
        stands, below, fate = getattr(sys, self._name), self._below, self.fate
        if stands is self:  # a command within a command
            yield
            return
        self._below, self.fate = stands, Fate(terminal=stands is not None and stands.isatty())
        if stands is not None:
            setattr(sys, self._name, self)
        try:
            yield
        finally:
            setattr(sys, self._name, stands)
            self._below, self.fate = below, fate

    def _stream(self) -> TextIO | None:
        return self._below if self._below is not None else getattr(sys, self._name)

    @contextlib.contextmanager
    def _surviving(self, stream: TextIO) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # a ValueError: it was closed under our feet
            self.fate.gone = True
            if isinstance(error, OSError) and not self._nobody_reads(error):
                self.fate.trouble = error.strerror or str(error)
            _let_go(stream)

    def _nobody_reads(self, error: OSError) -> bool:
        """Whether the reader went away: of a pipe, of a terminal that closed, or there never was one."""
        return error.errno in (errno.EPIPE, errno.EBADF) or (self.fate.terminal and error.errno == errno.EIO)


OUTPUT = StandardStream("stdout")
MESSAGES = StandardStream("stderr")


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """While the block runs nothing that is written fails, and no file that is opened takes the place of a stream.

    Where standard output is closed, the next file that is opened would get its number, and be written to by whoever
    prints: a database, for one.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    with OUTPUT.standing_in(), MESSAGES.standing_in():
        yield


def _let_go(stream: TextIO) -> None:
    """What is still buffered goes nowhere, instead of failing again when the interpreter ends."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = stream.fileno()
        if descriptor in (1, 2):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
