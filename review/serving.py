"""Serving on this machine's own address alone, and stopping in order."""

from __future__ import annotations

import errno
import socket

import uvicorn
from starlette.types import ASGIApp

from review.errors import PortTaken

LOOPBACK = "127.0.0.1"  # never anything else: whoever can reach the page can see and change the gallery
DEFAULT_PORT = 8787
_BACKLOG = 256


def bind(port: int) -> socket.socket:
    """A socket on the loopback address.

    Args:
        port: 0 takes a free one.
    Raises:
        PortTaken: another program has it; it was left alone.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortTaken(
                f"port {port} on {LOOPBACK} is taken ({error.strerror}); choose another with --port, 0 takes a free one"
            ) from None
        raise
    return listening


def port_of(listening: socket.socket) -> int:
    """The port that a socket got."""
    return int(listening.getsockname()[1])


async def serve(app: ASGIApp, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished, a round that is at work is stopped."""
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,  # nobody is in between; what such headers say is not believed
        forwarded_allow_ips="",
        server_header=False,
        ws="none",
        lifespan="on",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )
    await uvicorn.Server(config).serve(sockets=[listening])
