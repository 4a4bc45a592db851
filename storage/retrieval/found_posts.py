"""What is shown of pictures that were found by their likeness: their posts, and what holds for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage.database.chunks import chunked
from storage.database.results_view import results_select
from storage.database.tables import VersionRow


@dataclass(frozen=True, slots=True)
class FoundPost:
    """A post whose present picture was found."""

    version_id: int
    site: str
    post_id: int
    md5: str
    rating: str  # g | s | q | e
    characters: Sequence[str]  # tags
    decisions: Mapping[str, str]  # by target what holds: keep | delete | undecided


def found_posts(connection: Connection, versions: Sequence[int]) -> Sequence[FoundPost]:
    """The posts of these file versions, in this order; without those that are not their posts' present pictures."""
    found: dict[int, FoundPost] = {}
    statement = results_select().add_columns(VersionRow.id)
    for chunk in chunked(versions):
        for row in connection.execute(statement.where(VersionRow.id.in_(chunk))):
            before = found[row.id].decisions if row.id in found else {}
            held = {} if row.target is None or row.decision is None else {row.target: row.decision}
            names = tuple(row.tags_character.split())
            found[row.id] = FoundPost(row.id, row.site, row.post_id, row.md5, row.rating, names, {**before, **held})
    return [found[one] for one in versions if one in found]


def by_picture(posts: Sequence[FoundPost]) -> Sequence[Sequence[FoundPost]]:
    """Posts of one file together, at the place of the first of them."""
    together: dict[str, list[FoundPost]] = {}
    for post in posts:
        together.setdefault(post.md5, []).append(post)
    return list(together.values())
