"""Serving a page or a service from a command until somebody stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias

from commands.terminal.console import say
from system.browser import open_in_browser

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# Runs until Ctrl-C or SIGTERM; calls its last argument once the application can be asked and stopped.
Serve: TypeAlias = "Callable[[ASGIApp, socket.socket, Callable[[], None]], Coroutine[Any, Any, None]]"


async def serve_page(app: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve a page by `review.server.serve`."""
    from review.server import serve

    await serve(app, listening, started=started)


def announce_page(url: str, *, open_browser: bool) -> None:
    """Say where a page is. Only once its server takes signals: who reads this line may stop it at once."""
    say(f"the page is at {url}  (Ctrl-C closes it)")
    if open_browser:
        open_in_browser(url)
