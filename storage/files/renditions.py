"""Renditions on disk: small copies that were looked at, named by the md5 of the original that they show."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from storage.archive_records import Sighting
from storage.errors import BadPath, RefusedFile, StorageError
from storage.files.disk import is_unreadable
from storage.files.paths import rendition_path, staging_path
from storage.files.store import FileStore
from storage.records import StoredRendition

FEW = 6  # renditions; fewer are flushed one by one


def store_rendition(tree: FileStore, sighting: Sighting) -> StoredRendition:
    """Put a sighting's rendition in place, durable; the same bytes already there are left alone.

    Raises:
        RefusedFile: the post is hidden, or the rendition has no proper name.
        StorageError: something that is no file has the name.
    """
    return _placed(tree, sighting, flush=True).stored


@dataclass(frozen=True, slots=True)
class _Placed:
    """A rendition in its place."""

    stored: StoredRendition
    new: bool  # its bytes were written now; else they were there, and other rows may rely on them


def _placed(tree: FileStore, sighting: Sighting, *, flush: bool) -> _Placed:
    content, facts, file = sighting.rendition, sighting.stored, sighting.post.file
    if content is None or facts is None or file is None:
        raise RefusedFile(f"post {sighting.post.id}: no rendition to store")
    path = rendition_path(file.md5, facts.name, facts.ext)
    sha256 = hashlib.sha256(content).hexdigest()
    stored = StoredRendition(facts.name, path, facts.ext, facts.width, facts.height, len(content), sha256)
    there = None if tree.is_absent(path) else tree.facts(path)
    if there is not None and there.size == len(content) and _bytes_at(tree, path) == content:
        tree.make_durable(path, keep=True)  # another post may have it too
        return _Placed(stored, new=False)
    attempt = sighting.attempt
    staging = staging_path(attempt.id) if attempt else f"staging/look-{secrets.token_hex(8)}.part"
    tree.put(staging, path, content, flush=flush)
    return _Placed(stored, new=True)


def store_renditions(tree: FileStore, sightings: Sequence[Sighting]) -> Sequence[StoredRendition | BaseException]:
    """The same for several at once, of different originals, with one flush for all; gives what became of each.

    Where the flush fails, none that was written now is believed, and their names are taken away.
    """
    if len(sightings) < FEW:
        return [_stored(_placed_or_error(tree, one, flush=True)) for one in sightings]
    results = [_placed_or_error(tree, one, flush=False) for one in sightings]
    unflushed = [number for number, one in enumerate(results) if isinstance(one, _Placed) and one.new]
    failure: OSError | None = None
    try:
        if not unflushed or tree.flush_together():
            return [_stored(one) for one in results]
    except OSError as error:
        failure = error
    for number in unflushed:
        _take_away(tree, results[number])
        results[number] = failure or _placed_or_error(tree, sightings[number], flush=True)
    return [_stored(one) for one in results]


def _stored(result: _Placed | BaseException) -> StoredRendition | BaseException:
    return result.stored if isinstance(result, _Placed) else result


def _take_away(tree: FileStore, result: _Placed | BaseException) -> None:
    if isinstance(result, _Placed):
        with contextlib.suppress(OSError, StorageError):
            tree.remove(result.stored.path)


def _placed_or_error(tree: FileStore, sighting: Sighting, *, flush: bool) -> _Placed | BaseException:
    try:
        return _placed(tree, sighting, flush=flush)
    except Exception as error:  # noqa: BLE001 - handed to its owner; the others' renditions are not its fault
        return error


def read_rendition(tree: FileStore, stored: StoredRendition) -> bytes | None:
    """A rendition's bytes, or None when the file is gone or no longer what its row says, or cannot be read."""
    try:
        facts = tree.facts(stored.path)
    except BadPath:
        return None
    if facts is None or facts.size != stored.size:
        return None
    content = _bytes_at(tree, stored.path)
    return content if content is not None and hashlib.sha256(content).hexdigest() == stored.sha256 else None


def _bytes_at(tree: FileStore, path: str) -> bytes | None:
    """A file's bytes; None: the disk cannot read them any more."""
    try:
        return tree.read(path)
    except OSError as error:
        if is_unreadable(error):
            return None
        raise
