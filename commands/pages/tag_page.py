"""The page that a tagger works through: thumbnails, links to the posts, and ticks that the browser remembers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from commands.pages.html_page import ADULT, html_page, small_picture
from commands.pages.tag_list import TagList, TagRow
from storage.gallery_view import Renditions
from storage.reader import Reader

GENERATOR = "boorusieve tag proposals"


@dataclass(frozen=True, slots=True)
class TagPageFacts:
    """What the page says above its lists."""

    gallery: str  # its id: pages of two galleries keep their ticks apart
    target: str
    tag: str
    model: str  # as people call it; "" where none is in force
    made: str


def tag_page(facts: TagPageFacts, lists: Sequence[TagList], reader: Reader) -> bytes:
    """The page."""
    with closing(Renditions(reader)) as renditions:
        sections = [
            {
                "kind": one.kind.value,
                "words": one.words(facts.tag),
                "cards": [_card(row, renditions) for row in one.rows],
                # what a person says who disagrees
                "label": "delete" if one.kind == "missing" else "keep",
            }
            for one in lists
        ]
    return html_page("tags", GENERATOR, script=True, facts=facts, sections=sections)


def _card(row: TagRow, renditions: Renditions) -> dict[str, object]:
    return {
        "key": f"{row.post.site}/{row.post.post_id}",
        "post": row.post.post_id,
        "link": row.link,
        "picture": small_picture(renditions, row.post.version_id),
        "rating": row.post.rating,
        "adult": row.post.rating in ADULT,
        "sure": "label" if row.proposal.by_label else f"{row.proposal.probability:.3f}",
        "characters": " ".join(row.post.characters),
        "tag": row.tag,
    }
