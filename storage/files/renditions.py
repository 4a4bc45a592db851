"""Renditions on disk: small copies that were looked at, named by the md5 of the original that they show."""

from __future__ import annotations

import hashlib
import secrets

from storage.archive_records import Sighting
from storage.errors import BadPath, RefusedFile
from storage.files.disk import is_unreadable
from storage.files.paths import rendition_path, staging_path
from storage.files.tree import Tree
from storage.records import StoredRendition


def store_rendition(tree: Tree, sighting: Sighting) -> StoredRendition:
    """Put a sighting's rendition in place, durable; the same bytes already there are left alone.

    Raises:
        RefusedFile: the post is hidden, or the rendition has no proper name.
        StorageError: something that is no file has the name.
    """
    content, facts, file = sighting.rendition, sighting.stored, sighting.post.file
    if content is None or facts is None or file is None:
        raise RefusedFile(f"post {sighting.post.id}: no rendition to store")
    path = rendition_path(file.md5, facts.name, facts.ext)
    sha256 = hashlib.sha256(content).hexdigest()
    stored = StoredRendition(facts.name, path, facts.ext, facts.width, facts.height, len(content), sha256)
    there = tree.facts(path)
    if there is not None and there.size == len(content) and _bytes_at(tree, path) == content:
        tree.make_durable(path, keep=True)  # another post may have it too
        return stored
    attempt = sighting.attempt
    tree.put(staging_path(attempt.id) if attempt else f"staging/look-{secrets.token_hex(8)}.part", path, content)
    return stored


def read_rendition(tree: Tree, stored: StoredRendition) -> bytes | None:
    """A rendition's bytes, or None when the file is gone or no longer what its row says, or cannot be read."""
    try:
        facts = tree.facts(stored.path)
    except BadPath:
        return None
    if facts is None or facts.size != stored.size:
        return None
    content = _bytes_at(tree, stored.path)
    return content if content is not None and hashlib.sha256(content).hexdigest() == stored.sha256 else None


def _bytes_at(tree: Tree, path: str) -> bytes | None:
    """A file's bytes; None: the disk cannot read them any more."""
    try:
        return tree.read(path)
    except OSError as error:
        if is_unreadable(error):
            return None
        raise
