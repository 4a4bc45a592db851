"""An S3 server of the tests' own, on loopback: moto in a process of its own, one for a whole run of pytest.

The first test that needs it starts it; it ends with the run, however that ends. Each test has a bucket of its own.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

SHARED = "BOORUSIEVE_TESTS_OBJECTS"  # environment variable: the folder of the run's server, and the run's process
KEYS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
NOT_HERE = "no S3 server can be started here: pip install 'boorusieve[dev]'"
_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
_WITHIN_S = 120.0
# Starts the server, waits for the run to end, however it ends, then ends the server and removes its folder.
_BESIDE = """{ "$2" -m moto.server -H 127.0.0.1 -p 0 > "$3/log" 2>&1 & server=$!
while kill -0 "$1" 2>/dev/null; do sleep 1; done
kill -9 $server; rm -rf "$3" "$3.lock"; } & """


class ObjectServer:
    """One that runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = itertools.count(1)

    @classmethod
    def begun(cls, folder: Path, lives_with: int) -> ObjectServer:
        """A new one, which ends with a process, or the one whose folder this is."""
        if not folder.exists():
            folder.mkdir(mode=0o700)
            nothing = subprocess.DEVNULL
            words = ["sh", "-c", _BESIDE, "sh", str(lives_with), sys.executable, str(folder)]
            subprocess.run(
                words, check=True, cwd="/", stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )
        deadline = time.monotonic() + _WITHIN_S
        while time.monotonic() < deadline:
            log = folder / "log"
            found = _RUNNING.search(log.read_text("utf-8", "replace")) if log.exists() else None
            if found is not None:
                return cls(found.group(1))
            time.sleep(0.1)
        raise RuntimeError(f"moto does not start: {(folder / 'log').read_text('utf-8', 'replace')[-2000:]}")

    @functools.cached_property
    def system(self) -> Any:
        """What a person uses beside the program."""
        import fsspec

        return fsspec.filesystem(
            "s3",
            key="tests",
            secret="tests",
            endpoint_url=self.url,
            use_listings_cache=False,
            client_kwargs={"region_name": "us-east-1"},
        )

    def new_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"gallery-{os.getpid()}-{next(self._numbers)}"
        self.system.call_s3("create_bucket", Bucket=name)
        return name

    def address(self, prefix: str = "pictures", *, bucket: str = "", endpoint: str = "") -> str:
        """The address of a gallery's objects, in a new bucket unless one is named."""
        return f"s3://{bucket or self.new_bucket()}/{prefix}?endpoint_url={endpoint or self.url}"

    def objects(self, address: str) -> Mapping[str, bytes]:
        """All objects of an address, by path."""
        start = address.removeprefix("s3://").partition("?")[0]
        found = self.system.find(start)
        return {name.removeprefix(f"{start}/"): self.system.cat_file(name) for name in found}


def share_an_object_server() -> None:
    """Let this run of pytest, whose other processes are still to be started, have one server."""
    os.environ[SHARED] = f"/tmp/boorusieve-objects-{os.getpid()}-{secrets.token_hex(4)} {os.getpid()}"


@functools.cache
def _shared() -> ObjectServer:
    folder, run = os.environ[SHARED].split(" ")
    with FileLock(f"{folder}.lock"):
        return ObjectServer.begun(Path(folder), int(run))


@contextmanager
def object_server_or_skip(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """This run's server, with keys for it in the environment; a test is skipped where there can be none."""
    if any(importlib.util.find_spec(module) is None for module in ("moto", "flask_cors", "s3fs")):
        pytest.skip(NOT_HERE)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    yield _shared()
