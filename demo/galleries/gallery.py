"""What a gallery holds: posts, tags and how they are linked, wiki names, files, and the truth about each picture.

Plain records and the few indexes that searching needs. Nothing here knows HTTP or painting.
"""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.paint.file_facts import FileFacts

CATEGORY_NUMBERS = {"general": 0, "artist": 1, "copyright": 3, "character": 4, "meta": 5}
CATEGORY_NAMES = {number: name for name, number in CATEGORY_NUMBERS.items()}
EPOCH = 1_577_836_800.0  # 2020-01-01T00:00:00Z: where the demo's own history begins

Scene = Mapping[str, Any]  # what the painter needs to make one picture; JSON


@dataclass(frozen=True, slots=True)
class GalleryTag:
    """One tag of the site."""

    id: int
    name: str
    category: int  # one of CATEGORY_NUMBERS
    created_at: float  # seconds since 1970
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class TagLink:
    """An alias or an implication."""

    id: int
    antecedent: str
    consequent: str
    created_at: float  # seconds since 1970
    status: str = "active"  # active | deleted | retired


@dataclass(frozen=True, slots=True)
class WikiPage:
    """What the site knows about a tag, with the names it has elsewhere."""

    id: int
    title: str
    body: str
    other_names: tuple[str, ...]
    created_at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class PictureTruth:
    """What a picture really shows, and how its tags differ from that."""

    characters: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()  # shown, but the tag was withheld
    wrong: tuple[str, ...] = ()  # tagged, but not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryPost:
    """One post, as the site's database holds it."""

    id: int
    picture: str  # key into Gallery.files (known) or Gallery.scenes (still to be painted)
    width: int  # pixels
    height: int  # pixels
    ext: str
    tags: tuple[str, ...]  # sorted, implied ones included
    created_at: float  # seconds since 1970
    updated_at: float  # seconds since 1970
    rating: str = "g"
    source: str = ""
    uploader_id: int = 1
    approver_id: int | None = None
    up_score: int = 0
    down_score: int = 0  # <= 0
    fav_count: int = 0
    parent_id: int | None = None
    pixiv_id: int | None = None
    bit_flags: int = 0  # 1 = embedded notes, 4 = taken down
    is_pending: bool = False
    is_flagged: bool = False
    is_deleted: bool = False
    is_banned: bool = False
    ai_tags: tuple[tuple[str, int], ...] = ()  # (name, percent 1..100), best first
    truth: PictureTruth = field(default_factory=PictureTruth)

    @property
    def score(self) -> int:
        """Votes up and down together."""
        return self.up_score + self.down_score


class Gallery:
    """All that one site holds; small enough to live in memory, changed only through its methods."""

    def __init__(self) -> None:
        self.posts: dict[int, GalleryPost] = {}
        self.ids: list[int] = []  # ascending
        self.tags: dict[str, GalleryTag] = {}
        self.aliases: dict[str, TagLink] = {}
        self.implications: list[TagLink] = []
        self.wiki: dict[str, WikiPage] = {}
        self.scenes: dict[str, Scene] = {}
        self.files: dict[str, FileFacts] = {}
        self.restricted_tags: frozenset[str] = frozenset()
        self.highest_id = 0  # ever assigned: ids are not used twice
        self.edition = 0  # grows with every change: what caches are keyed by
        self._holders: dict[str, set[int]] = {}
        self._children: dict[int, set[int]] = {}
        self._users: dict[str, set[int]] = {}  # picture key -> post ids
        self._by_md5: dict[str, FileFacts] = {}

    # --- tags

    def add_tag(self, name: str, category: str, *, is_deprecated: bool = False) -> GalleryTag:
        """Make sure a tag exists; an existing one keeps its category."""
        if name not in self.tags:
            number = len(self.tags) + 1
            self.tags[name] = GalleryTag(number, name, CATEGORY_NUMBERS[category], EPOCH + 60 * number, is_deprecated)
            self._holders.setdefault(name, set())
        return self.tags[name]

    def add_alias(self, antecedent: str, consequent: str, status: str = "active") -> None:
        """Make one name stand for another."""
        number = len(self.aliases) + 1
        self.aliases[antecedent] = TagLink(number, antecedent, consequent, EPOCH + 3600 * number, status)

    def add_implication(self, antecedent: str, consequent: str, status: str = "active") -> None:
        """Make every post with one tag carry another."""
        number = len(self.implications) + 1
        self.implications.append(TagLink(number, antecedent, consequent, EPOCH + 7200 * number, status))

    def add_wiki(self, title: str, body: str, other_names: Sequence[str] = ()) -> None:
        """Write a tag's wiki page."""
        number = len(self.wiki) + 1
        self.wiki[title] = WikiPage(number, title, body, tuple(other_names), EPOCH + 5400 * number)

    def resolve(self, name: str) -> str:
        """The tag that a name means, aliases followed."""
        link = self.aliases.get(name)
        return link.consequent if link is not None and link.status == "active" else name

    def implied(self, names: Iterable[str]) -> set[str]:
        """The names and all that they imply."""
        implied: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in implied:
                continue
            implied.add(name)
            waiting += [link.consequent for link in self.implications if link.antecedent == name]
        return implied

    def holders(self, tag: str) -> set[int]:
        """Ids of the posts that carry a tag (not through aliases). Do not change the set."""
        return self._holders.get(tag, set())

    def post_count(self, tag: str) -> int:
        """How many posts carry a tag."""
        return len(self.holders(tag))

    def by_category(self, post: GalleryPost, category: int) -> list[str]:
        """A post's tags of one category, sorted."""
        tags = self.tags
        return [name for name in post.tags if tags[name].category == category]

    # --- posts

    def put(self, post: GalleryPost) -> None:
        """Add a post, or replace the one with its id. Unknown tags become general tags."""
        self._forget(post.id)
        for name in post.tags:
            self.add_tag(name, "general")
            self._holders[name].add(post.id)
        if post.parent_id is not None:
            self._children.setdefault(post.parent_id, set()).add(post.id)
        self._users.setdefault(post.picture, set()).add(post.id)
        self.posts[post.id] = post
        self.highest_id = max(self.highest_id, post.id)
        if not self.ids or post.id > self.ids[-1]:
            self.ids.append(post.id)
        else:
            bisect.insort(self.ids, post.id)
        self.edition += 1

    def edit(self, post_id: int, **changes: Any) -> GalleryPost:
        """Change fields of a post. `updated_at` stays unless it is among the changes."""
        if "tags" in changes:
            changes["tags"] = tuple(sorted(changes["tags"]))
        post = dataclasses.replace(self.posts[post_id], **changes)
        self.put(post)
        return post

    def remove(self, post_id: int) -> None:
        """Expunge a post, with all that refers to it."""
        self._forget(post_id)
        self.edition += 1

    def children(self, post_id: int) -> list[GalleryPost]:
        """Posts whose parent this is, oldest first."""
        return [self.posts[child] for child in sorted(self._children.get(post_id, ()))]

    def _forget(self, post_id: int) -> None:
        post = self.posts.pop(post_id, None)
        if post is None:
            return
        for name in post.tags:
            self._holders[name].discard(post_id)
        if post.parent_id is not None:
            self._children[post.parent_id].discard(post_id)
        self._users[post.picture].discard(post_id)
        self.ids.pop(bisect.bisect_left(self.ids, post_id))

    # --- files

    def add_file(self, key: str, facts: FileFacts) -> None:
        """State the file behind a picture key."""
        self.files[key] = facts
        self._by_md5[facts.md5] = facts

    def file_of(self, post: GalleryPost) -> FileFacts:
        """The file behind a post. Raises KeyError while it is not painted."""
        return self.files[post.picture]

    def file_by_md5(self, md5: str) -> FileFacts | None:
        """The file with this md5, as far as painted."""
        return self._by_md5.get(md5)

    def posts_of_md5(self, md5: str) -> list[int]:
        """Ids of the posts that show this file, newest first."""
        keys = [key for key, facts in self.files.items() if facts.md5 == md5]
        return sorted((post_id for key in keys for post_id in self._users.get(key, ())), reverse=True)

    def unpainted(self) -> list[str]:
        """Keys of the pictures that exist only as scenes, those of the newest posts first."""
        wanted = (self.posts[post_id].picture for post_id in reversed(self.ids))
        return list(dict.fromkeys(key for key in wanted if key not in self.files))


def existing_path(facts: FileFacts) -> Path:
    """The picture that previews are made from."""
    return Path(facts.still or facts.path)
