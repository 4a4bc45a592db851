"""How gallery-dl calls sites and posts: its categories, and the keys of its download archive.

A key is the category, with nothing between, then what the extractor's `archive_fmt` makes of the post: its number
alone (`danbooru12345`), or a letter or two, a search, pool or user, and the number (`danboorut_1girl solo_12345`,
`e621p_88_12345`): one post has as many keys as ways in which it was found. By the sources of 1.32.18
(`gallery_dl/extractor/danbooru.py`, `e621.py`, `moebooru.py`, `gelbooru.py`, `gelbooru_v02.py`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

Key = tuple[str, int]  # a category, and a post's number there

# Its `safebooru` is safebooru.org; the other one of that name is Danbooru without what is not for everybody, where its
# category, and every number, is Danbooru's own. e926 is such a part of e621.
_SITES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "danbooru": ("danbooru", "safebooru"),
        "e621": ("e621", "e926"),
        "e926": ("e926", "e621"),
        "safebooru": ("safebooru.org",),
    }
)
_LONGEST_KEY = 4096  # characters
_REST = re.compile(r"(?:(?:t|p|fg|f|P)_(?s:.*)_)?([1-9][0-9]{0,9})")  # searches, pools, favourites, popular; or neither


def sites_of(category: str) -> tuple[str, ...]:
    """What we call the sites whose post numbers a category's are; a site of one's own is called alike in both."""
    return _SITES.get(category, (category,))


def categories_of(sites: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """The categories whose posts are those of these sites, with the ones that each is about."""
    wanted = tuple(sites)
    names = dict.fromkeys([*wanted, *_SITES])
    found = {name: tuple(site for site in sites_of(name) if site in wanted) for name in names}
    return {name: sites for name, sites in found.items() if sites}


def key_reader(categories: Iterable[str]) -> Callable[[str], Key | None]:
    """Reads the archive's keys of these categories; None for any other, and for one that names no post.

    A picture that belongs to no post yet (`danboorum123`) has a number of another kind.
    """
    longest_first = sorted(set(categories), key=len, reverse=True)

    def read(key: str) -> Key | None:
        for category in longest_first:
            if (
                key.startswith(category)
                and len(key) <= _LONGEST_KEY
                and (found := _REST.fullmatch(key[len(category) :]))
            ):
                return category, int(found[1])
        return None

    return read
