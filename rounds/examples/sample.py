"""The training sample before a first model exists: a bounded sample of the gallery, chosen by the site's own tags.

Posts tagged with the target are positives; well-tagged posts of others are reliable negatives and train the other
characters; posts without any character tag are unlabelled: some of them show the target. A search may name two
tags at most on an ordinary account, so everything finer is decided here, on each post's own tags.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from classifier.training.pipeline import Example
from classifier.training.splits import Identity
from crawler.sources.site_client import NEWEST
from storage.people_count import people_count
from storage.records import PICTURE_EXTENSIONS, Post, TaggerTags, Target, stratum_of

PAGE = 200  # posts, the most that the site gives
NOT_NAMES = frozenset({"original", "banned_artist", "artist_request", "anonymous_artist"})
LEAST_OTHERS = 120  # well-tagged posts of others; with fewer of them in the walked tag, more come from elsewhere
SERIES_AT_MOST = 2
DOUBTS = frozenset({"character_request", "tagme", "multiple_others"})


class FoundPosts(Protocol):
    """One page of a search."""

    @property
    def posts(self) -> Sequence[Post]: ...


class PostSearch(Protocol):
    """Searches the site; `crawler.sources.danbooru_client.DanbooruClient` does."""

    async def posts(self, tags: str, *, page: str, limit: int = PAGE) -> FoundPosts: ...
    async def count(self, tags: str) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """Size of the training sample."""

    total: int = 4000  # pictures
    positives_at_most: float = 0.3  # share of the total, all targets together
    unlabelled: float = 0.2  # share of the total
    pages_at_most: int = 60  # requests for posts, all searches together

    def __post_init__(self) -> None:
        if self.total < 1 or not 0 < self.positives_at_most < 1 or not 0 <= self.unlabelled < 1:
            raise ValueError(f"a sample needs a total and shares between 0 and 1, got {self}")


@dataclass(frozen=True, slots=True)
class Sample:
    """Posts of the training sample, in the order of their ids."""

    positives: tuple[Post, ...]  # tagged with a target
    others: tuple[Post, ...]  # well tagged, with other characters
    unlabelled: tuple[Post, ...]  # without any character tag
    requests: int
    elsewhere: tuple[str, ...] = ()  # searches beyond the walked tag that negatives were taken from; "": the whole site

    def posts(self) -> tuple[Post, ...]:
        """All of them."""
        return (*self.positives, *self.others, *self.unlabelled)


async def sample(
    source: PostSearch, tag: str, targets: Sequence[Target], size: SampleSize, *, refine: str = "", seed: int = 0
) -> Sample:
    """Choose the training sample.

    Args:
        source: the site.
        tag: of the gallery that is walked, or several with blanks; searched together with each target first, then the
            target alone. Where it holds next to nobody but the targets (`--tag mona --keep mona`), what does not show
            them is taken from their series and from the whole site.
        targets: the targets to learn.
        size: how much.
        refine: further terms that cost nothing at the site (`rating:g`).
        seed: of the choice.
    """
    sampler = _Sampler(source, refine, np.random.default_rng(seed), size.pages_at_most)
    budget = int(size.total * size.positives_at_most / len(targets))
    walked = tag.split()
    positives: dict[int, Post] = {}
    for target in targets:
        found = await sampler.draw(" ".join(dict.fromkeys((*walked[:1], target.tag))), budget, _pages(budget) + 1)
        if len(found) < budget and walked != [target.tag]:
            found |= await sampler.draw(target.tag, budget - len(found), _pages(budget))
        named = [post for post in found.values() if target.named_by(post.tags)]  # not who is only dressed as it
        positives |= {post.id: post for post in _preferred(named, budget)}
    only_named = any(target.tag in walked for target in targets)
    pool = {} if only_named else await sampler.draw(" ".join(walked[:2]), 2 * size.total, size.pages_at_most)
    for post in pool.values():  # found in the pool: as good as any
        if _names_any(post, targets) and len(positives) < budget * len(targets):
            positives.setdefault(post.id, post)
    rest = {post.id: post for post in pool.values() if not _concerns_any(post, targets)}
    elsewhere = [] if _enough(rest) else await _from_elsewhere(sampler, positives, targets, rest)
    others, unlabelled = _shares(list(rest.values()), size, len(positives), sampler.random)
    return Sample(_by_id(positives.values()), _by_id(others), _by_id(unlabelled), sampler.requests, tuple(elsewhere))


def _enough(rest: Mapping[int, Post], wanted: int = LEAST_OTHERS) -> bool:
    return sum(well_tagged(post) for post in rest.values()) >= wanted


async def _from_elsewhere(
    sampler: _Sampler, positives: Mapping[int, Post], targets: Sequence[Target], rest: dict[int, Post]
) -> Sequence[str]:
    """Add posts of others to `rest`: from the targets' own series first, then from the whole site.

    Returns:
        the searches that were asked.
    """
    wanted = max(2 * LEAST_OTHERS, 2 * len(positives))
    series = Counter(name for post in positives.values() for name in post.tags.copyright)
    searched: list[str] = []
    for terms in [*(name for name, _count in series.most_common(SERIES_AT_MOST)), ""]:
        if _enough(rest, wanted):
            break
        found = await sampler.draw(terms, 2 * wanted, _pages(2 * wanted))
        rest |= {post.id: post for post in found.values() if not _concerns_any(post, targets)}
        searched.append(terms)
    return searched


def well_tagged(post: Post) -> bool:
    """Whether the character tags probably name everybody in the picture."""
    tags = post.tags
    named = tags.shown()
    if not named or DOUBTS & (set(tags.meta) | set(tags.general)):
        return False
    people = people_count(tags.general)
    if people == math.inf:
        return "solo" in tags.general
    return people <= len(named)


def looks_like_a_picture(post: Post) -> bool:
    """Whether there is a still picture to look at."""
    return post.file is not None and any(rendition.ext in PICTURE_EXTENSIONS for rendition in post.renditions)


def examples_of(
    sample: Sample, targets: Sequence[Target] = (), tagger_tags: Mapping[int, TaggerTags] | None = None
) -> list[Example]:
    """An example for each post of the sample, by its tags, in the order of `sample.posts()`.

    A target need not be a character: whatever its tag is, the posts that it names are its positives.

    Args:
        sample: the posts.
        targets: whom a model is learned for.
        tagger_tags: what the user's own tagger says of their pictures, by the post's number.
    """
    own = tagger_tags or {}
    posts = sample.posts()
    unlabelled = {post.id for post in sample.unlabelled}
    sets = _set_keys(posts)
    return [
        Example(
            Identity(
                post_id=post.id,
                md5=post.file.md5 if post.file else "",
                pixel_hash=post.pixel_hash or "",
                parent_id=post.parent_id,
                set_key=sets[row],
            ),
            characters=_taught_by(post, targets),
            labelled=post.id not in unlabelled,
            stratum=int(stratum_of(post.tags, None)),
            ai_percents=_ai_percents(post, targets, own.get(post.id)),
        )
        for row, post in enumerate(posts)
    ]


def _taught_by(post: Post, targets: Sequence[Target]) -> tuple[str, ...]:
    named = [target.tag for target in targets if target.named_by(post.tags)]
    return tuple(dict.fromkeys((*post.tags.shown(), *named)))


def _ai_percents(post: Post, targets: Sequence[Target], own: TaggerTags | None) -> dict[str, Mapping[str, int]]:
    """What taggers give the targets' tags, by tag and source; empty where none says anything."""
    percents = {target.tag: target.ai_percents(post.ai_tags, own) for target in targets}
    return {tag: by_source for tag, by_source in percents.items() if by_source}


def _set_keys(posts: Sequence[Post]) -> list[str]:
    """One artist's pictures are one set; those of an artist with very many are split by the day of their upload."""
    artists = ["|".join(name for name in post.tags.artist if name not in NOT_NAMES) for post in posts]
    counts = Counter(artists)
    many = max(8, len(posts) // 50)
    return [
        "" if not artist else artist if counts[artist] <= many else f"{artist}|{post.created_at:%Y-%m-%d}"
        for artist, post in zip(artists, posts, strict=True)
    ]


def _shares(
    rest: Sequence[Post], size: SampleSize, positives: int, random: np.random.Generator
) -> tuple[list[Post], list[Post]]:
    tagged = [post for post in rest if well_tagged(post)]
    bare = [post for post in rest if not post.tags.character]  # nobody is named, and nobody is dressed as another
    room = size.total - positives
    blank = min(len(bare), max(int(size.total * size.unlabelled), room - len(tagged)))
    return _some(tagged, room - blank, random), _some(bare, blank, random)


def _some(posts: Sequence[Post], count: int, random: np.random.Generator) -> list[Post]:
    if len(posts) <= count:
        return list(posts)
    rows = random.choice(len(posts), max(0, count), replace=False)
    return [posts[row] for row in sorted(rows.tolist())]


def _preferred(posts: Iterable[Post], count: int) -> list[Post]:
    """Alone in the picture first, then well tagged, then the rest; newest first within each."""
    return sorted(posts, key=lambda post: (len(post.tags.shown()) > 1, not well_tagged(post), -post.id))[:count]


def _names_any(post: Post, targets: Sequence[Target]) -> bool:
    return any(target.named_by(post.tags) for target in targets)


def _concerns_any(post: Post, targets: Sequence[Target]) -> bool:
    """Whether the tags name a target, or say that somebody is dressed as it: no reliable negative."""
    return _names_any(post, targets) or any(not target.cosplays.isdisjoint(post.tags.all()) for target in targets)


def _by_id(posts: Iterable[Post]) -> tuple[Post, ...]:
    return tuple(sorted(posts, key=lambda post: post.id))


def _pages(posts: int) -> int:
    return math.ceil(posts / PAGE * 1.25) + 1


@dataclass(slots=True)
class _Sampler:
    """Draws posts from all over a search's ids with few requests."""

    source: PostSearch
    refine: str
    random: np.random.Generator
    pages_left: int
    requests: int = field(default=0)

    async def draw(self, terms: str, wanted: int, pages: int) -> dict[int, Post]:
        """At least `wanted` posts if `pages` requests find so many, by id.

        A short search is walked from its newest post to its oldest; of a long one, pages are read at ids spread evenly
        from the newest to the oldest, so that no year is left out.
        """
        query = f"{terms} {self.refine}".strip()
        found: dict[int, Post] = {}
        newest = await self._page(query, NEWEST, found)
        if newest is None:
            return found
        total = await self.source.count(query)
        self.requests += 1
        pages = min(pages, self.pages_left)
        if total is not None and math.ceil(total / PAGE) <= pages:
            await self._walk(query, newest, found)
        else:
            await self._spread(query, max(found, default=newest), pages, wanted, found)
        return found

    async def _walk(self, query: str, below: int, found: dict[int, Post]) -> None:
        while self.pages_left > 0:
            lowest = await self._page(query, f"b{below}", found)
            if lowest is None or lowest >= below:
                return
            below = lowest

    async def _spread(self, query: str, newest: int, pages: int, wanted: int, found: dict[int, Post]) -> None:
        lowest = await self._page(query, "a0", found) or 1
        edges = np.linspace(lowest, newest, max(2, pages)).tolist()
        starts = [int(self.random.uniform(low, high)) + 1 for low, high in itertools.pairwise(edges)]
        for start in self.random.permutation(starts).tolist():
            if len(found) >= wanted or self.pages_left <= 0:
                return
            await self._page(query, f"b{start}", found)

    async def _page(self, query: str, page: str, found: dict[int, Post]) -> int | None:
        """Read one page; gives its lowest id, or None when it is empty."""
        self.pages_left -= 1
        self.requests += 1
        posts = (await self.source.posts(query, page=page, limit=PAGE)).posts
        found.update({post.id: post for post in posts if looks_like_a_picture(post)})
        return min((post.id for post in posts), default=None)
