"""`crawl demo`: the demo gallery, served in the foreground."""

from __future__ import annotations

from contextlib import suppress

from commands.errors import DemoRefused


def serve(given: list[str]) -> int:
    """Serve in the foreground, in this process, until Ctrl-C, which ends it with exit code 0.

    Raises:
        DemoRefused: it cannot be served with these options.
    """
    from demo.__main__ import run
    from demo.errors import DemoError

    with suppress(KeyboardInterrupt):  # before the server runs
        try:
            run(given)
        except DemoError as error:
            raise DemoRefused(str(error)) from error
    return 0
