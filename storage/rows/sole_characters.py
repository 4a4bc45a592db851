"""The character of every post whose tags name exactly one: what a new character is distinguished from."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, and_, select

from storage.database.tables import PostRow, PostTagRow, TagRow, VersionRow


def sole_characters(connection: Connection) -> Mapping[int, str]:
    """Version id -> tag of the one character, for the current files of posts whose tags name exactly one."""
    statement = (
        select(VersionRow.id, TagRow.name)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
        .join(PostTagRow, PostTagRow.post_key == PostRow.key)
        .join(TagRow, TagRow.id == PostTagRow.tag_id)
        .where(TagRow.category == "character", PostRow.count_character == 1)
    )
    return {row.id: row.name for row in connection.execute(statement)}
