"""A larger rendition that somebody asked to see: stored beside the one that a post was judged by, never in its place.

Written beside a running crawl, as labels are: the file first, then its row in a short transaction of its own. What a
crawl goes by is the rendition that was judged, so this one has a name of its own among a picture's renditions.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from storage.archive_records import ArchiveSettings, StoredFacts
from storage.database.engine import BUSY_TIMEOUT_S
from storage.database.engines.location import database_of
from storage.database.error_translation import at_border
from storage.database.tables import PostRow, VersionRow
from storage.errors import RefusedFile
from storage.files.paths import SHOWN, rendition_path
from storage.looks.look_rows import file_rendition
from storage.objects.location import files_of
from storage.reader import Reader
from storage.records import Post, StoredRendition
from storage.rows.posts import load_posts


@dataclass(frozen=True, slots=True)
class ShownRendition:
    """A picture that arrived, and what a full decode found it to be."""

    content: bytes
    facts: StoredFacts


def post_of(reader: Reader, version_id: int) -> Post | None:
    """The post whose file this is now; None: there is none, or it has another file by now."""
    keys = (
        select(PostRow.key)
        .join(VersionRow, VersionRow.post_key == PostRow.key)
        .where(VersionRow.id == version_id, VersionRow.md5 == PostRow.md5)
    )
    posts = reader.ask(lambda connection: load_posts(connection, connection.execute(keys).scalars().all()))
    return posts[0] if posts else None


def store_shown(root: Path, post: Post, shown: ShownRendition, settings: ArchiveSettings) -> None:
    """Store a picture for people to look at; durable on return.

    Args:
        root: the gallery.
        post: whose picture it is.
        shown: it.
        settings: the disk, the mode of pictures, and the clock.

    Raises:
        RefusedFile: the post shows no file.
        StorageError: the disk or the database refuses.
    """
    if post.file is None:
        raise RefusedFile(f"post {post.id}: no picture to store a rendition of")
    md5, facts, content = post.file.md5, shown.facts, shown.content
    path, digest = rendition_path(md5, SHOWN, facts.ext), hashlib.sha256(content).hexdigest()
    stored = StoredRendition(SHOWN, path, facts.ext, facts.width, facts.height, len(content), digest)
    with at_border(root), closing(files_of(root, settings.disk, settings.picture_mode)) as tree:
        tree.put(f"staging/shown-{secrets.token_hex(8)}.part", path, content)
    database = database_of(root)
    engine = database.writing_engine(busy_timeout_s=BUSY_TIMEOUT_S, owner=False)
    try:
        with at_border(database), engine.connect() as connection, connection.begin():
            file_rendition(connection, md5, stored, settings.clock())
    finally:
        engine.dispose()
