"""The requests to an S3-compatible store, one function each, and what its errors mean.

Nothing is published by `open(…, "wb")`: that uploads half a file where its block is left by an error. Listings are
never taken from fsspec's cache, which other machines do not know of.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.errors import ArchiveError, ObjectsUnreachable, RefusedRequest

if TYPE_CHECKING:
    from storage.objects.address import ObjectAddress

TRIES = 3  # of one request by botocore, with pauses
TRIES_AGAIN = 2  # of all that by s3fs, where a connection broke: a store that says nothing is given up after 90 s
CONNECTIONS = 32  # at once; a crawl's threads for files are fewer
_BLOCK = 8 << 20  # bytes that are asked for at once of a large object
_ETAGS_ARE_MD5 = 32  # hex digits


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store says of an object."""

    size: int  # bytes
    tag: str  # entity tag; of most objects that were uploaded in one piece it is their MD5, in hex digits

    @property
    def md5(self) -> str | None:
        """The MD5 of its bytes, in hex digits, if the tag can be one; an encrypting store's tag looks the same."""
        return self.tag if len(self.tag) == _ETAGS_ARE_MD5 and "-" not in self.tag else None


class Bucket:
    """A gallery's part of a bucket; paths are relative to the gallery. Any thread may ask."""

    def __init__(self, address: ObjectAddress, system: Any = None) -> None:
        """Connect with the first request.

        Args:
            address: where it is.
            system: an fsspec file system that stands for the store; None: by s3fs.
        Raises:
            RefusedRequest: s3fs is not installed.
        """
        self.address = address
        self._system = connected(address.endpoint, os.getpid()) if system is None else system

    def head(self, path: str) -> Stored | None:
        """What the store says of an object; None: there is none."""
        bucket, _, key = self.address.key(path).partition("/")
        with self._asking(path):
            try:
                found = self._system.call_s3("head_object", Bucket=bucket, Key=key)
            except FileNotFoundError:
                return None
            return Stored(int(found["ContentLength"]), str(found.get("ETag", "")).strip('"').lower())

    def put(self, path: str, content: bytes) -> None:
        """Upload bytes in one request, or in parts that are taken away where one fails."""
        with self._asking(path, writes=True):
            self._system.pipe_file(self.address.key(path), content)

    def put_file(self, path: str, source: Path) -> None:
        """Upload a file of this disk; the same."""
        with self._asking(path, writes=True):
            self._system.put_file(str(source), self.address.key(path))

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the store.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._asking(source):
            self._system.cp_file(self.address.key(source), self.address.key(target))

    def remove(self, path: str) -> None:
        """Remove an object; there may be none."""
        with self._asking(path):
            self._system.rm_file(self.address.key(path))

    def read(self, path: str) -> bytes:
        """All its bytes.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._asking(path):
            content: bytes = self._system.cat_file(self.address.key(path), max_concurrency=1)  # else it asks twice
            return content

    def pieces(self, path: str) -> Iterator[bytes]:
        """Its bytes, piece by piece, all of one version.

        Raises:
            FileNotFoundError: there is none.
        """
        with (
            self._asking(path),
            self._system.open(self.address.key(path), "rb", block_size=_BLOCK, cache_type="readahead") as reading,
        ):
            while piece := reading.read(_BLOCK):
                yield piece

    def entries(self, path: str) -> list[str]:
        """The names in a folder, as the store has them now, in no order; nothing where there is none."""
        folder = self.address.key(path)
        with self._asking(path):
            try:
                found = self._system.ls(folder, detail=False, refresh=True)
            except FileNotFoundError:
                self.require_bucket()
                return []
        below = [str(name).rstrip("/").removeprefix(f"{folder}/") for name in found]
        return [name for name in below if name and "/" not in name]

    def below(self, path: str) -> list[str]:
        """The paths of all objects below a folder, sorted."""
        start = f"{self.address.key('')}/"
        with self._asking(path):
            try:
                found = self._system.find(self.address.key(path), detail=False, refresh=True)
            except FileNotFoundError:
                found = []
            if not found:
                self.require_bucket()
        return sorted(str(name).removeprefix(start) for name in found)

    def require_bucket(self) -> None:
        """A bucket that is gone must not look like an empty one."""
        try:
            self._system.call_s3("head_bucket", Bucket=self.address.bucket)
        except FileNotFoundError:
            raise self.no_bucket() from None

    def no_bucket(self) -> ObjectsUnreachable:
        """The error for an address without a bucket."""
        return ObjectsUnreachable(
            f"{self.address}: there is no bucket {self.address.bucket}; make it, or mend the address"
        )

    @contextlib.contextmanager
    def _asking(self, path: str, *, writes: bool = False) -> Iterator[None]:
        """Translate what libraries raise; what is not found when it is written is the bucket."""
        try:
            yield
        except ArchiveError:
            raise
        except FileNotFoundError:
            if writes:
                raise self.no_bucket() from None
            raise
        except Exception as error:
            raise self._translated(error, self.address.at(path)) from error

    def _translated(self, error: Exception, place: str) -> Exception:
        said = " ".join(str(error).split()) or type(error).__name__
        if _is_of(error, "botocore.exceptions", "NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"):
            return ObjectsUnreachable(
                f"{place}: no keys for it were found ({said}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "AWS_PROFILE"
            )
        if isinstance(error, PermissionError):
            return ObjectsUnreachable(
                f"{place}: refused ({said}); look at the keys, and at what they may do in the bucket"
            )
        if "NoSuchBucket" in said or "bucket does not exist" in said:
            return self.no_bucket()
        if (
            isinstance(error, OSError | TimeoutError)
            or _is_of(error, "botocore.exceptions", "BotoCoreError", "HTTPClientError", "ClientError")
            or _is_of(error, "aiohttp", "ClientError")
            or _is_of(error, "fsspec.exceptions", "FSTimeoutError")
        ):
            return ObjectsUnreachable(
                f"{place}: cannot be reached, or failed ({said}); nothing was recorded that is not there; run again "
                "when the store answers"
            )
        return error


def _is_of(error: Exception, module: str, *names: str) -> bool:
    """Whether an error is of classes of a library, which is not loaded for this question."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(error, tuple(getattr(loaded, name) for name in names))


@functools.lru_cache(maxsize=8)
def connected(endpoint: str, process: int) -> Any:
    """The file system of a server, one for all threads of a process: making a session takes half a second.

    Args:
        endpoint: URL; empty: what the environment says, else Amazon's.
        process: its id; connections of a parent are not ours.
    Raises:
        RefusedRequest: s3fs is not installed.
    """
    require_library()
    import fsspec

    options: dict[str, Any] = {"endpoint_url": endpoint} if endpoint else {}
    retries = {"max_attempts": TRIES, "mode": "standard"}
    system = fsspec.filesystem(
        "s3",
        use_listings_cache=False,
        skip_instance_cache=True,
        config_kwargs={"max_pool_connections": CONNECTIONS, "retries": retries},
        **options,
    )
    system.retries = TRIES_AGAIN
    return system


def require_library() -> None:
    """Look whether there is a library for the store.

    Raises:
        RefusedRequest: there is none; says what to install.
    """
    if importlib.util.find_spec("s3fs") is None:
        raise RefusedRequest("pictures in an object store need s3fs: pip install 'boorusieve[s3]'")
