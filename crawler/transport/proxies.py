"""A proxy that the user names; what the environment says of proxies is for other programs."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from crawler.errors import UsageError

SCHEMES = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where every request goes first."""

    url: str = field(repr=False)  # it may carry a password
    host: str  # host[:port], for messages


def proxy_from(text: str) -> Proxy | None:
    """The proxy that a setting names; None for an empty one.

    Raises:
        UsageError: no address of a proxy, or of a kind that is not supported here. The address is not repeated: it may
            carry a password.
    """
    text = text.strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UsageError("the proxy is not an address; write it like http://proxy.example:8080") from None
    if parts.scheme not in SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        scheme = f"{parts.scheme}:// is not supported" if parts.scheme and parts.hostname else "it is no such address"
        raise UsageError(f"the proxy must look like http://proxy.example:8080 (or {', '.join(SCHEMES[1:])}); {scheme}")
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise UsageError(f"a {parts.scheme} proxy needs the Python package socksio: pip install socksio")
    return Proxy(text, parts.hostname if port is None else f"{parts.hostname}:{port}")
