"""What a list says of a post: where it is, what its tags name, and what people said of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from storage.database.chunks import chunked
from storage.database.current_state import CURRENT
from storage.database.tables import GalleryRow, LabelRow, PostRow, VersionRow
from storage.records import TagCategory, Target
from storage.rows.named_posts import naming
from storage.rows.posts import tags_of


@dataclass(frozen=True, slots=True)
class PostFacts:
    """A post, with its present picture."""

    version_id: int
    site: str
    post_id: int
    rating: str  # g | s | q | e
    is_gone: bool  # deleted, or hidden from us
    tags: frozenset[str]
    characters: Sequence[str]  # tags, sorted
    artists: Sequence[str]


def known_sites(connection: Connection) -> Sequence[str]:
    """Names of the sites whose posts the gallery has, sorted."""
    return connection.execute(select(PostRow.site).distinct().order_by(PostRow.site)).scalars().all()


def gallery_id(connection: Connection) -> str:
    """The gallery's own, which tells it from every other."""
    return connection.execute(select(GalleryRow.id)).scalar_one()


def post_facts(connection: Connection, versions: Iterable[int]) -> Mapping[int, PostFacts]:
    """By file version; without those that are not their posts' present pictures."""
    found: dict[int, PostFacts] = {}
    columns = (PostRow.key, PostRow.site, PostRow.post_id, PostRow.rating, PostRow.is_deleted, PostRow.hidden_reason)
    statement = select(VersionRow.id, *columns).join(
        PostRow, and_(PostRow.key == VersionRow.post_key, PostRow.md5 == VersionRow.md5)
    )
    for chunk in chunked(list(versions)):
        rows = connection.execute(statement.where(VersionRow.id.in_(chunk))).all()
        tags = tags_of(connection, [row.key for row in rows])
        for row in rows:
            by_category = tags[row.key]
            found[row.id] = PostFacts(
                row.id,
                row.site,
                row.post_id,
                row.rating,
                row.is_deleted or row.hidden_reason is not None,
                frozenset(name for names in by_category.values() for name in names),
                tuple(by_category[TagCategory.CHARACTER]),
                tuple(by_category[TagCategory.ARTIST]),
            )
    return found


def labelled_against_tags(connection: Connection, target: Target) -> Mapping[int, bool]:
    """File versions about which people said what the tags do not: whether it shows the target, by file version."""
    tagged = VersionRow.post_key.in_(naming(target))
    statement = (
        CURRENT.joined(select(VersionRow.id, LabelRow.value), CURRENT.of_version(target.name), parts=("label",))
        .where(((LabelRow.value == "keep") & ~tagged) | ((LabelRow.value == "delete") & tagged))
        .order_by(VersionRow.id)
    )
    return {row.id: row.value == "keep" for row in connection.execute(statement)}
