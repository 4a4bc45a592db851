"""Which posts name a target by their own tags, asked of the database; `Target.named_by` says the same of one post."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, select

from storage.database.chunks import chunked
from storage.database.results_view import tags_joined
from storage.database.tables import PostRow, PostTagRow, TagRow, VersionRow
from storage.names import COSPLAY
from storage.records import TagCategory, Target, shown_characters

_IS_COSPLAY: ColumnElement[bool] = TagRow.name.like("%" + COSPLAY.replace("_", "\\_"), escape="\\")


def naming(target: Target) -> Select[Any]:
    """Keys of the posts whose own tags name the target; somebody dressed as it is not it."""
    return _carrying(target.names).where(PostTagRow.post_key.not_in(dressed_as(target)))


def dressed_as(target: Target) -> Select[Any]:
    """Keys of the posts on which somebody is dressed as the target: its tag there says nothing of who it is."""
    return _carrying(target.cosplays)


def shown_where_dressed(connection: Connection) -> dict[int, int]:
    """Of every post on which somebody is dressed as another: how many characters its tags still name.

    The site adds the character of such a costume by itself; it says nothing of who is in the picture.
    """
    dressed = select(PostTagRow.post_key).join(TagRow, TagRow.id == PostTagRow.tag_id).where(_IS_COSPLAY)
    statement = (
        select(PostTagRow.post_key, TagRow.name, TagRow.category)
        .join(TagRow, TagRow.id == PostTagRow.tag_id)
        .where(PostTagRow.post_key.in_(dressed), (TagRow.category == "character") | _IS_COSPLAY)
    )
    characters: defaultdict[int, list[str]] = defaultdict(list)
    everything: defaultdict[int, set[str]] = defaultdict(set)
    for row in connection.execute(statement):
        everything[row.post_key].add(row.name)
        if row.category == "character":
            characters[row.post_key].append(row.name)
    return {key: len(shown_characters(characters[key], tags)) for key, tags in everything.items()}


def is_carried(connection: Connection, name: str) -> bool:
    """Whether any post carries a tag of that name, whatever its category."""
    return connection.execute(_carrying([name]).limit(1)).first() is not None


def carried_characters(connection: Connection) -> Sequence[str]:
    """Names of the character tags that any post carries, sorted."""
    carried = exists().where(PostTagRow.tag_id == TagRow.id)
    statement = select(TagRow.name).where(TagRow.category == TagCategory.CHARACTER.value, carried).order_by(TagRow.name)
    return connection.execute(statement).scalars().all()


def shown_in_posts(connection: Connection) -> Mapping[tuple[str, int], Sequence[str]]:
    """Characters that are in the picture by its tags, by site and post id, of every post."""
    characters, tags = tags_joined(TagCategory.CHARACTER), tags_joined(None)
    statement = select(PostRow.site, PostRow.post_id, characters.label("characters"), tags.label("tags"))
    return {
        (row.site, row.post_id): shown_characters(row.characters.split(), set(row.tags.split()))
        for row in connection.execute(statement)
    }


def sole_characters(connection: Connection, versions: Sequence[int] | None = None) -> Mapping[int, str]:
    """Version id -> tag of the one character, for the current files of posts whose tags name exactly one.

    A new character is distinguished from these.

    Args:
        connection: to the database.
        versions: only these; None: all.
    """
    statement = (
        select(VersionRow.id, TagRow.name)
        .join(PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5))
        .join(PostTagRow, PostTagRow.post_key == PostRow.key)
        .join(TagRow, TagRow.id == PostTagRow.tag_id)
        .where(TagRow.category == "character", PostRow.count_character == 1)
    )
    chunks = [statement.where(VersionRow.id.in_(chunk)) for chunk in chunked(versions)] if versions is not None else []
    return {
        row.id: row.name for one in ([statement] if versions is None else chunks) for row in connection.execute(one)
    }


def _carrying(names: Collection[str]) -> Select[Any]:
    return (
        select(PostTagRow.post_key).join(TagRow, TagRow.id == PostTagRow.tag_id).where(TagRow.name.in_(sorted(names)))
    )
