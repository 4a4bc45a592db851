"""Messages between our own processes: one JSON header and raw payloads, each of stated length; nothing executable.

On the wire: magic, length of the header, length of all payloads, header, payloads. The header says how long each
payload is. Both lengths are capped, so that a process that writes nonsense cannot make the other allocate it.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from classifier.errors import WorkerLostError

if TYPE_CHECKING:  # a worker reads and writes without an event loop, and need not load one
    import asyncio

MAGIC = b"BSF1"
MAX_HEADER = 1024 * 1024  # bytes
MAX_PAYLOADS = 512 * 1024 * 1024  # bytes
_PREFIX = struct.Struct(">4sIQ")
_SIZES = "payload_sizes"

Payload = bytes | memoryview


@dataclass(frozen=True, slots=True)
class WorkerFrame:
    """One message."""

    header: Mapping[str, Any]
    payloads: Sequence[Payload] = ()


def encode(frame: WorkerFrame) -> list[Payload]:
    """The pieces to write, in order."""
    sizes = [len(payload) for payload in frame.payloads]
    header = json.dumps({**frame.header, _SIZES: sizes}, separators=(",", ":")).encode()
    if len(header) > MAX_HEADER or sum(sizes) > MAX_PAYLOADS:
        raise ValueError(f"a frame of {len(header)} + {sum(sizes)} bytes is longer than allowed")
    return [_PREFIX.pack(MAGIC, len(header), sum(sizes)) + header, *frame.payloads]


def read_frame(stream: BinaryIO) -> WorkerFrame | None:
    """The next message of a blocking stream, or None at its end.

    Raises:
        WorkerLostError: the stream ends within a message or holds something else.
    """
    prefix = stream.read(_PREFIX.size)
    if not prefix:
        return None
    header_size, payload_size = _sizes_of(prefix)
    return _frame(_exactly(stream, header_size), _exactly(stream, payload_size))


def write_frame(stream: BinaryIO, frame: WorkerFrame) -> None:
    """Write one message to a blocking stream."""
    for piece in encode(frame):
        stream.write(piece)
    stream.flush()


async def receive(reader: asyncio.StreamReader) -> WorkerFrame:
    """The next message.

    Raises:
        WorkerLostError: the stream ended, or holds something else.
    """
    try:
        header_size, payload_size = _sizes_of(await reader.readexactly(_PREFIX.size))
        return _frame(await reader.readexactly(header_size), await reader.readexactly(payload_size))
    except (EOFError, ConnectionError) as error:
        raise WorkerLostError("the worker process ended in the middle of its work") from error


async def send(writer: asyncio.StreamWriter, frame: WorkerFrame) -> None:
    """Write one message and wait until the pipe has room again.

    Raises:
        WorkerLostError: nobody reads any more.
    """
    try:
        writer.writelines(encode(frame))
        await writer.drain()
    except (ConnectionError, RuntimeError) as error:  # RuntimeError: the transport is closed already
        raise WorkerLostError("the worker process does not listen any more") from error


def _sizes_of(prefix: bytes) -> tuple[int, int]:
    if len(prefix) != _PREFIX.size:
        raise WorkerLostError(f"a message of {len(prefix)} bytes is cut short")
    magic, header_size, payload_size = _PREFIX.unpack(prefix)
    if magic != MAGIC or header_size > MAX_HEADER or payload_size > MAX_PAYLOADS:
        raise WorkerLostError(f"the bytes {prefix!r} begin no message")
    return header_size, payload_size


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise WorkerLostError(f"a message ends after {len(data)} of {size} bytes")
    return data


def _frame(header: bytes, body: bytes) -> WorkerFrame:
    try:
        values = json.loads(header)
        sizes = [int(size) for size in values.pop(_SIZES)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkerLostError(f"the header {header[:80]!r} is not a message") from error
    if sum(sizes) != len(body) or any(size < 0 for size in sizes):
        raise WorkerLostError(f"the payloads are {len(body)} bytes, the header says {sum(sizes)}")
    view, payloads, at = memoryview(body), [], 0
    for size in sizes:
        payloads.append(view[at : at + size])
        at += size
    return WorkerFrame(values, payloads)
