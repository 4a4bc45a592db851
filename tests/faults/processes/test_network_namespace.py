"""Row U19: without any network but loopback everything works, and nothing looks for one."""

from __future__ import annotations

import functools
import ipaddress
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests import loopback
from tests.faults.driver import REPOSITORY, cannot_trace

ALONE = ("unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
CONNECTED = re.compile(r'(?:connect|sendto|sendmsg)\(.*(?:inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)")')


@functools.cache
def no_namespace() -> str | None:
    """Why no process can be put where no network is, or None."""
    if not shutil.which("unshare") or not shutil.which("ip"):
        return "needs unshare and ip"
    tried = subprocess.run([*ALONE, "true"], capture_output=True, text=True, check=False)
    return f"may not make a network namespace: {tried.stderr.strip()}" if tried.returncode else cannot_trace()


def connections(trace: str) -> Iterator[str]:
    """The internet addresses that a trace of system calls connects to."""
    for found in CONNECTED.finditer(trace):
        yield found[1] or found[2]


def alone(command: Sequence[str], trace: Path, *, limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command where only loopback is, and write down whom it and its children connect to."""
    traced = ["strace", "-f", "-qqq", "--seccomp-bpf", "--trace=connect", "-o", str(trace), *command]
    return subprocess.run(
        [*ALONE, *traced], capture_output=True, text=True, check=False, timeout=limit_s, cwd=REPOSITORY
    )


def assert_near(trace: Path) -> None:
    reached = set(connections(trace.read_text("utf-8", "replace")))
    assert reached, "nothing was traced"
    assert {address for address in reached if not ipaddress.ip_address(address).is_loopback} == set()


@pytest.mark.fault("U19")
@pytest.mark.skipif("no_namespace()", reason=str(no_namespace()))
def test_a_crawl_from_the_command_line_connects_to_loopback_alone(tmp_path: Path) -> None:
    rows = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/faults", "--row", "P06"]

    ended = alone(rows, tmp_path / "trace", limit_s=110)

    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-2000:]
    assert_near(tmp_path / "trace")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.fault("U19")
@pytest.mark.skipif("no_namespace()", reason=str(no_namespace()))
def test_every_fast_test_passes_without_a_network(tmp_path: Path) -> None:
    everything = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]

    ended = alone(everything, tmp_path / "trace", limit_s=7000)

    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert_near(tmp_path / "trace")


@pytest.mark.fault("U19")
def test_no_test_can_reach_another_machine() -> None:
    with pytest.raises(loopback.LeftTheMachine), socket.create_connection(("192.0.2.1", 80), timeout=1):
        pass
    with pytest.raises(loopback.LeftTheMachine):
        socket.getaddrinfo("example.com", 80)
    with pytest.raises(loopback.LeftTheMachine), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.sendto(b"x", ("198.51.100.7", 53))

    assert len(loopback.tried) == 3
    loopback.tried.clear()  # or this very test would fail


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", b"127.0.0.1", None, ""])
def test_loopback_is_near(host: object) -> None:
    assert loopback.is_near(host)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "fe80::1%eth0", "localhost.evil.example", "2001:db8::1"]
)
def test_everything_else_is_far(host: str) -> None:
    assert not loopback.is_near(host)


def test_a_trace_tells_where_it_went() -> None:
    trace = (
        '12 connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) = 0\n'
        '12 connect(5, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0\n'
        '12 connect(5, {sa_family=AF_UNIX, sun_path="/run/x"}, 9) = 0\n'
    )

    assert list(connections(trace)) == ["192.0.2.1", "::1"]
