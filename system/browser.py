"""The user's own browser, when they ask for it."""

from __future__ import annotations

import webbrowser


def open_in_browser(url: str) -> None:
    """Show a page; where there is no browser, nothing happens: the address was printed."""
    webbrowser.open(url)
