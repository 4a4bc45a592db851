"""Serving with an orderly stop, on the loopback address; `crawl serve` alone may ask for another."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import traceback
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from review.connection import Connection
from review.errors import PortTaken

LOOPBACK = "127.0.0.1"  # for a page never anything else: whoever can reach it can see and change the gallery
DEFAULT_PORT = 8787
_BACKLOG = 64  # connections that wait to be taken
_CUT_OFF = "timeout graceful shutdown exceeded"  # how uvicorn's line about their number ends
_END_S = 2.0  # that a request which was cut off has to end
_DEBUG_VARIABLE = "CRAWL_DEBUG"  # with it set, a bug shows its stack trace


def bind(port: int, host: str = LOOPBACK) -> socket.socket:
    """A socket.

    Args:
        port: 0 takes a free one.
        host: the address that is listened at, IPv4.
    Raises:
        PortTaken: another program has it, or this machine has no such address; nothing was changed.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise PortTaken(f"this machine has no address {host}; 0.0.0.0 means all of them") from None
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortTaken(
                f"port {port} on {host} is taken ({error.strerror}); choose another with --port, 0 takes a free one"
            ) from None
        raise
    return listening


def port_of(listening: socket.socket) -> int:
    """The port that a socket got."""
    return int(listening.getsockname()[1])


async def serve(
    app: ASGIApp,
    listening: socket.socket,
    connection: type[Connection] = Connection,
    *,
    patience_s: int = 5,
    told: Callable[[int], None] = lambda _: None,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished, a running round is stopped.

    Args:
        app: the page.
        listening: from `bind`.
        connection: deadlines and limits of connections.
        patience_s: how long requests in flight have to end.
        told: how many did not, and were cut off; called where there are any.
        started: called once requests are answered and signals end the server in order; whoever is told of the address
            only then can stop it at once.
    """
    config = uvicorn.Config(
        app,
        http=connection,
        backlog=_BACKLOG,
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,  # there is no proxy in between; such headers are ignored
        forwarded_allow_ips="",
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=patience_s,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    handler.addFilter(_is_no_cancellation)
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(handler)
    logger.propagate = False
    server = _Server(config, started)
    try:
        await server.serve(sockets=[listening])
    finally:
        if cut_off := set(server.server_state.tasks):
            told(len(cut_off))
            await _ended(cut_off)  # what they log at their end is for the handler
        logger.removeHandler(handler)
        logger.propagate = True


class _Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = told

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._told()


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    """Wait until cancelled tasks have ended; this one may be about to be cancelled itself."""
    try:
        await asyncio.wait(tasks, timeout=_END_S)
    except asyncio.CancelledError:
        await asyncio.wait(tasks, timeout=_END_S)
        raise


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    """A request that was cut off because the page is being closed is no error; uvicorn logs it, and their number."""
    of_one = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not (of_one or record.getMessage().endswith(_CUT_OFF))


class _OneLine(logging.Formatter):
    """Log a bug of the program in one line, without its stack trace."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        if error is None or os.environ.get(_DEBUG_VARIABLE):
            return super().format(record)
        where = traceback.extract_tb(error.__traceback__)[-1:]
        place = f" at {Path(where[0].filename).name}:{where[0].lineno}" if where else ""
        words = "".join(sign if sign.isprintable() else " " for sign in str(error))
        return (
            f"unexpected error, a bug: {type(error).__name__}: {words}{place}; set {_DEBUG_VARIABLE}=1 for the details"
        )
