"""What the dialects share: searches in other sites' ratings, painted posts, tags and copies by name."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import Any

from demo.api.post_json import View
from demo.api.posts import PostAnswers
from demo.galleries.gallery import CATEGORY_NAMES, Gallery, GalleryPost, GalleryTag
from demo.galleries.variants import variants_of
from demo.paint.file_facts import FileFacts
from demo.search.query import parse_search

SAFE = ("g", "s")  # Danbooru's ratings that other sites call safe


class Searches:
    """Finds posts in the words of sites with three ratings."""

    def __init__(self, posts: PostAnswers) -> None:
        self._posts = posts
        self.gallery = posts.gallery

    async def ids(self, words: str, view: View, *, most_terms: int) -> list[int]:
        """Posts that a search finds, the newest first unless it says otherwise.

        Raises:
            SiteRefusal: more terms than the site takes.
        """
        asked = re.sub(r"\brating:s(afe)?\b", "rating:g,s", words).strip()
        return list(await self._posts.ids_of(parse_search(asked, most_terms), view))

    async def painted(self, ids: Iterable[int]) -> list[GalleryPost]:
        """Those of the posts that there are, their files painted."""
        posts = [self.gallery.posts[post_id] for post_id in ids if post_id in self.gallery.posts]
        await self._posts.pictures.ready(post.picture for post in posts)
        return posts


def safe_rating(rating: str) -> str:
    """A rating where there are only safe, questionable and explicit."""
    return "s" if rating in SAFE else rating


def category_lists(gallery: Gallery, post: GalleryPost) -> dict[str, list[str]]:
    """A post's tags by category."""
    found: dict[str, list[str]] = {name: [] for name in CATEGORY_NAMES.values()}
    for tag in post.tags:
        found[CATEGORY_NAMES[gallery.tags[tag].category]].append(tag)
    return found


def copies_of(facts: FileFacts, files_at: str) -> dict[str, dict[str, Any]]:
    """Address and size of every copy of a file, the original too, by its name."""
    return {
        one.name: {"width": one.width, "height": one.height, "url": files_at + one.path(facts.md5)}
        for one in variants_of(facts)
    }


def tags_like(gallery: Gallery, pattern: str) -> list[GalleryTag]:
    """Tags that a pattern with `*` matches, the most used first."""
    plain = re.sub(r"([\[\]?])", r"[\1]", pattern)
    return by_count(gallery, [tag for tag in gallery.tags.values() if fnmatch.fnmatchcase(tag.name, plain)])


def tags_near(gallery: Gallery, name: str) -> list[GalleryTag]:
    """Tags of a similar spelling, the nearest first."""
    return [gallery.tags[one] for one in difflib.get_close_matches(name, list(gallery.tags), 20, cutoff=0.6)]


def by_count(gallery: Gallery, tags: Sequence[GalleryTag]) -> list[GalleryTag]:
    """The most used first."""
    return sorted(tags, key=lambda tag: (-gallery.post_count(tag.name), tag.name))
