"""Under which name an original lies in the gallery: a site and its mirror have posts with one number and one file."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from storage.database.tables import FileRow, PostRow, VersionRow
from storage.files.paths import original_path


@dataclass(frozen=True, slots=True)
class NamedPost:
    """What a name is made of."""

    site: str
    post_id: int
    md5: str
    ext: str


def name_of(connection: Connection, target: str, post: NamedPost) -> str:
    """The path of a post's original, the same every time, and no other post's, so that each can be moved by itself.

    Raises:
        BadName, RefusedFile: as `original_path`.
    """
    first = (
        select(func.min(FileRow.id))
        .join(VersionRow, VersionRow.id == FileRow.version_id)
        .join(PostRow, PostRow.key == VersionRow.post_key)
        .where(FileRow.md5 == post.md5, FileRow.target == target, PostRow.post_id == post.post_id)
    )
    others = connection.execute(first.where(PostRow.site != post.site)).scalar()
    own = None if others is None else connection.execute(first.where(PostRow.site == post.site)).scalar()
    apart = others is not None and (own is None or others < own)
    return original_path(target, post.post_id, post.md5, post.ext, apart=post.site if apart else "")
