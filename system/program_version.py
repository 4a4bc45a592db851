"""Which version of this program runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """As installed; empty where it runs from a checkout that is not."""
    try:
        return version("boorusieve")
    except PackageNotFoundError:
        return ""
