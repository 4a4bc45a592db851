"""`crawl demo`: the demo gallery, served in the foreground."""

from __future__ import annotations

from contextlib import suppress

from commands.errors import DemoRefused


def serve(given: list[str]) -> int:
    """Serve in the foreground, in this process, until Ctrl-C; that is how it ends, with 0.

    Raises:
        DemoRefused: it cannot be served so; says why.
    """
    from demo.__main__ import run
    from demo.errors import DemoError

    with suppress(KeyboardInterrupt):  # before it was served at all
        try:
            run(given)
        except DemoError as error:
            raise DemoRefused(str(error)) from error
    return 0
