"""No test talks to another machine: a guard that refuses to connect or to ask for a name, and remembers who tried.

It is an audit hook, so it sees every socket of this process, whoever opened it. Programs that a test starts are not
seen; for them `test_faults_network_namespace.py` runs tests where no network is.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Sequence

NAMES = frozenset({"", "localhost", "ip6-localhost", "0.0.0.0", "::"})  # "" and 0.0.0.0: to listen everywhere
WITH_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
WITH_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})


class LeftTheMachine(OSError):
    """A test tried to reach another machine."""


tried: list[str] = []  # since the test began; the hook cannot be taken out, so it writes where all may look


def is_near(host: object) -> bool:
    """Whether a host is this machine's loopback interface, or none at all."""
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name.lower() in NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: Sequence[object]) -> None:
    if event in WITH_ADDRESS:
        _require_near(event, _host_of(arguments[0], arguments[1]))
    elif event in WITH_NAME:
        _require_near(event, arguments[0])


def _host_of(wire: object, address: object) -> object:
    """The host of an internet address; None for other kinds of sockets."""
    internet = isinstance(wire, socket.socket) and wire.family in (socket.AF_INET, socket.AF_INET6)
    return address[0] if internet and isinstance(address, tuple) else None


def _require_near(event: str, host: object) -> None:
    if not is_near(host):
        tried.append(f"{event} {host!r}")
        raise LeftTheMachine(f"a test may not leave this machine: {event} {host!r}")


def keep_watch() -> None:
    """Begin to refuse, for the life of this process."""
    sys.addaudithook(_watch)
