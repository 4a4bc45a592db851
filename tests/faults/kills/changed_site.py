"""A small site that changed since a gallery was crawled from it: what `crawl sync` has to follow."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from storage.archive_records import Label
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site
from tests.faults.kills.commands import LABELS
from tests.faults.kills.grounds import Ground
from tests.faults.kills.scenes import CommandScene

SYNC = ("sync", "--all", "--full", "--apply", "--quiet")
_SLOW = {"STUB_PACE": "real", "CRAWL_SCORING_IN_FLIGHT": "2", "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def changed_site(folder: Path, patch: pytest.MonkeyPatch, posts: int = 40) -> Iterator[Ground]:
    """A crawled gallery whose site then has new, edited, deleted, banned, replaced and expunged posts.

    Post 1 gets the picture of 6, 2 is expunged, 3 is banned: labels that come later would be of other pictures, or of
    none, or would be shared or not.
    """
    with small_site(folder, patch) as site:
        site.gallery.add_tag(MONA, "character")
        for number in range(1, posts + 1):
            site.post(number, *([MONA] if number % 5 == 0 else []), bright=number % 3 == 0)
        done = site.crawl("--tag", SERIES, "--keep", "mona", "--quiet")
        if done.exit_code != 0:
            raise RuntimeError(f"the crawl that makes the gallery ended with {done.exit_code}: {done.output}")
        site.crawl("relabel", "keep", "1", "2", "3", "4")
        _change(site, posts)
        yield Ground(site.root, folder / "crawl.toml", site.site)


def sync(ground: Ground, seed: int) -> CommandScene:
    """Everything that changed is followed, and files follow; meanwhile somebody labels what the gallery knew before."""
    return CommandScene(
        name="sync",
        ground=ground,
        words=SYNC,
        labels=_labels(ground, seed),
        fair=(0, 3),  # what is labelled between the plan and its move stays, and is reported
        environment=_SLOW,
    )


def _labels(ground: Ground, seed: int) -> list[Label]:
    """Of posts whose files are here and whose tags stay: whatever comes first, they end in one place."""
    dice, posts = Random(f"labels {seed}"), ground.posts("place = 'gallery' AND post_id > 6 AND post_id % 4 <> 3")
    return ground.labels("given", dice.choices(posts, k=LABELS), dice.choices(("keep", "delete"), k=LABELS))


def _change(site: SmallSite, posts: int) -> None:
    gallery = site.gallery
    moment = max(post.updated_at for post in gallery.posts.values()) + 60
    gallery.edit(1, picture=gallery.posts[6].picture, updated_at=moment)
    gallery.remove(2)
    gallery.edit(3, is_banned=True)  # no site dates a ban
    for number in range(7, posts, 4):
        tags = tuple(sorted({*gallery.posts[number].tags} ^ {MONA}))
        gallery.edit(number, tags=tags, rating="e", updated_at=moment + number)
    gallery.edit(8, is_deleted=True, updated_at=moment)
    for number in range(posts + 1, posts + posts // 2):
        site.post(number, bright=number % 2 == 0)
