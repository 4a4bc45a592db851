"""A gallery's pictures as objects of a store; what is in flight lies in `staging/` of this machine.

Order of writing: the object uploaded, then asked for (its size, and its MD5 where the store tells it, else all its
bytes), then the caller commits the row. Nothing can be renamed there: a move is a copy that is made sure of, and then
the old object's removal; killed in between, both are there, and recovery goes by the open intent as it does on a disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from storage.archive_records import Digest
from storage.errors import StorageError
from storage.files.disk import Disk
from storage.files.relative_paths import check_path
from storage.files.single_files import digest_of, digest_of_file
from storage.files.store import FileStat
from storage.files.tree import Tree
from storage.objects.bucket import Bucket, Stored

STAGING = "staging/"
_TRIAL = "trial/"  # objects that are put and removed when a gallery is opened
_SMALL = 32 << 20  # bytes; an object that is read in one request
_CONTENT = b"may be removed"


class ObjectTree:
    """A `storage.files.store.FileStore` whose pictures are objects."""

    at_once = 16
    renames = False
    keeps_links = False

    def __init__(self, root: Path, bucket: Bucket, disk: Disk | None = None) -> None:
        """Open the root.

        Args:
            root: of this machine's part of the gallery; must be there.
            bucket: where the pictures are.
            disk: the root's file system; None: this machine's.
        """
        self._local = Tree(root, disk)
        self.root, self.disk = root, self._local.disk
        self.bucket = bucket

    def close(self) -> None:
        """Let the root's handle go; connections stay for the next gallery that asks."""
        self._local.close()

    def where(self, path: str) -> str:
        """Where a file is, for people."""
        return self._local.where(path) if _is_local(path) else self.bucket.address.at(path)

    def try_promises(self) -> None:
        """Put an object and remove it, so that what is refused is said before anything depends on it.

        Raises:
            StorageError: it was refused, or the store cannot be reached.
        """
        self._local.try_promises()
        path = f"{_TRIAL}{hashlib.sha256(str(self.root).encode()).hexdigest()[:16]}"  # of this machine's own
        self.bucket.put(path, _CONTENT)
        try:
            self._make_sure(path, len(_CONTENT), _md5(_CONTENT))
        finally:
            self.bucket.remove(path)

    def prepare_staging(self) -> None:
        """Make sure that `staging/` is a folder of this machine, and no link."""
        self._local.prepare_staging()

    def is_absent(self, path: str) -> bool:
        """Whether the store says that there is nothing of that name."""
        return self._local.is_absent(path) if _is_local(path) else self._head(path) is None

    def is_taken(self, path: str) -> bool:
        """Whether there is an object of that name."""
        return self._local.is_taken(path) if _is_local(path) else self._head(path) is not None

    def facts(self, path: str) -> FileStat | None:
        """Size of an object, or None where there is none."""
        if _is_local(path):
            return self._local.facts(path)
        found = self._head(path)
        return None if found is None else FileStat(found.size, 1)

    @contextlib.contextmanager
    def at(self, path: str) -> Iterator[Path]:
        """A copy in the system's folder for such, gone afterwards.

        Raises:
            FileNotFoundError: there is no such object.
        """
        if _is_local(path):
            yield self.root / path
            return
        with tempfile.TemporaryDirectory(prefix="boorusieve-") as folder:
            copy = Path(folder, path.rpartition("/")[2])
            with copy.open("xb") as writing:
                size = sum(writing.write(piece) for piece in self.bucket.pieces(path))
            found = self._head(path)
            if found is None or found.size != size:
                raise StorageError(f"{self.where(path)}: changed while it was read; run again")
            yield copy

    def put(self, staging: str, path: str, content: bytes, *, flush: bool = True) -> None:
        """Upload bytes, and make sure of them; nothing lies in `staging/` meanwhile.

        Raises:
            StorageError: refused, or not what was sent; it was taken away again where that could be done.
        """
        check_path(path)
        self.bucket.put(path, content)
        self._make_sure(path, len(content), _md5(content))

    def flushes_together(self) -> bool:
        """Nothing waits to be made durable: uploads go side by side, each in a thread."""
        return False

    def flush_together(self) -> bool:
        """Each was durable when it was put."""
        return True

    def make_durable(self, path: str, *, keep: bool = False) -> FileStat:
        """Ask whether an object is there: what the store shows is durable.

        Raises:
            FileNotFoundError: it is not.
        """
        if _is_local(path):
            return self._local.make_durable(path, keep=keep)
        found = self._head(path)
        if found is None:
            raise FileNotFoundError(self.where(path))
        return FileStat(found.size, 1)

    def move(self, source: str, target: str) -> None:
        """Upload what is in flight, or copy inside the store, and make sure of it; then the source goes."""
        self.link(source, target)
        self.remove(source)

    def link(self, source: str, target: str) -> None:
        """Make a copy, and make sure of it.

        Raises:
            FileNotFoundError: there is no source.
            StorageError: the copy is not what it should be; it was taken away again where that could be done.
        """
        check_path(target)
        if _is_local(source):
            self._upload(source, target)
            return
        found = self._head(source)
        if found is None:
            raise FileNotFoundError(self.where(source))
        self.bucket.copy(source, target)
        copied = self._head(target)
        if copied is not None and copied.tag == found.tag and copied.size == found.size:
            return
        digest = self.digest(source)
        self._make_sure(target, digest.size, digest.md5)

    def _upload(self, source: str, target: str) -> None:
        digest = self._local.digest(source)  # follows no link
        self.bucket.put_file(target, self.root / source)
        self._make_sure(target, digest.size, digest.md5)

    def bring_in(self, source: Path, target: str) -> None:
        """Upload a file of this disk that lies elsewhere, and make sure of it.

        Raises:
            StorageError: it was refused, or the object is not what was sent.
        """
        check_path(target)
        digest = digest_of_file(source)
        self.bucket.put_file(target, source)
        self._make_sure(target, digest.size, digest.md5)

    def holds(self, path: str, digest: Digest) -> bool:
        """Whether an object of that name is there, with these bytes."""
        found = self._head(path)
        return found is not None and found.size == digest.size and self._has(path, found, digest.md5)

    def _has(self, path: str, found: Stored, md5: str) -> bool:
        """By its tag; an encrypting store's tag, and that of a large file sent in parts, is no MD5 of the bytes."""
        return found.md5 == md5 or self.digest(path).md5 == md5

    def remove(self, path: str) -> bool:
        """Remove an object; says whether one was there."""
        if _is_local(path):
            return self._local.remove(path)
        if self._head(path) is None:
            return False
        self.bucket.remove(path)
        return True

    def read(self, path: str) -> bytes:
        """All bytes of an object."""
        check_path(path)
        return self._local.read(path) if _is_local(path) else self.bucket.read(path)

    def digest(self, path: str) -> Digest:
        """Size, md5 and sha256 of the bytes as the store sends them now."""
        check_path(path)
        if _is_local(path):
            return self._local.digest(path)
        found = self._head(path)
        if found is None:
            raise FileNotFoundError(self.where(path))
        return digest_of([self.bucket.read(path)] if found.size <= _SMALL else self.bucket.pieces(path))

    def names(self, path: str) -> list[str]:
        """The entries of a folder, sorted; nothing where it is not there."""
        return self._local.names(path) if _is_local(f"{path}/") else sorted(self.bucket.entries(path))

    def walk(self, path: str) -> Iterator[tuple[str, bool]]:
        """All objects below a folder."""
        if _is_local(f"{path}/"):
            yield from self._local.walk(path)
        else:
            yield from ((found, True) for found in self.bucket.below(path))

    def _head(self, path: str) -> Stored | None:
        check_path(path)
        return self.bucket.head(path)

    def _make_sure(self, path: str, size: int, md5: str) -> None:
        """Ask for an object that was just written, before anything rests on it.

        Raises:
            ObjectsUnreachable: nobody knows whether it is whole; it stays, and recovery looks at it.
            StorageError: it is not what was sent. It has no row yet, so it was taken away again.
        """
        found = self.bucket.head(path)
        if found is None:
            raise StorageError(f"{self.where(path)}: is not there after it was uploaded; nothing was recorded of it")
        if found.size == size and self._has(path, found, md5):
            return
        self.bucket.remove(path)
        raise StorageError(
            f"{self.where(path)}: {found.size} bytes are there after {size} were uploaded, or other ones; they were "
            "taken away again, and nothing was recorded of them; run again"
        )


def _is_local(path: str) -> bool:
    return path.startswith(STAGING)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
