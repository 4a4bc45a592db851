"""Which certificate authorities are trusted: the usual ones, or those that SSL_CERT_FILE and SSL_CERT_DIR name.

These two variables are the one thing that is taken from the environment: they are how a machine behind an inspecting
proxy, or with an authority of its own, says so to every program.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from crawler.errors import UsageError
from system.regular_files import UnsafeFile, open_regular

_MOST_BYTES = 64 << 20  # all the world's authorities are a quarter of a megabyte


def trusted(environ: Mapping[str, str]) -> ssl.SSLContext | bool:
    """The context for encrypted connections; True: what the HTTP library trusts by itself.

    Raises:
        UsageError: a variable names something that is not there or holds no certificate.
    """
    file, folder = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    if file is None and folder is None:
        return True
    if folder is not None and not any(Path(one).is_dir() for one in folder.split(os.pathsep)):
        raise UsageError(f"SSL_CERT_DIR={folder}: there is no such folder")  # OpenSSL would say nothing
    try:
        if file is not None:  # OpenSSL would wait for a pipe
            open_regular(Path(file), _MOST_BYTES).close()
        return ssl.create_default_context(cafile=file, capath=folder)
    except UnsafeFile as error:
        raise UsageError(f"SSL_CERT_FILE={file} {error.why}") from error
    except (OSError, ssl.SSLError) as error:
        named = " and ".join(f"{name}={value}" for name, value in _named(file, folder))
        raise UsageError(f"{named}: no certificates can be read there: {error}") from error


def _named(file: str | None, folder: str | None) -> list[tuple[str, str]]:
    both = (("SSL_CERT_FILE", file), ("SSL_CERT_DIR", folder))
    return [(name, value) for name, value in both if value is not None]
