"""Whatever arrives, leaves or is edited: test pictures are never trained on, training pictures never tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from classifier.heads.training_set import CONTAMINATED, TEST, TRAIN, VALIDATION
from rounds.examples.frozen_splits import assigned_splits, groups_of, splits_of, taught_so_far
from storage.evidence import NO_SPLIT, SPLITS, Evidence
from tests.rounds.evidence import scene

TWO_BITS = (1 << 7) | (1 << 40)


@dataclass
class Upload:
    """A post as it is now."""

    post_id: int
    md5: str
    look: int
    artist: str = ""
    parent: int = 0


@dataclass
class Gallery:
    """Posts that come and change by chance, and the splits that rounds have assigned to them."""

    random: np.random.Generator
    posts: list[Upload] = field(default_factory=list)
    memory: dict[int, int] = field(default_factory=dict)  # post id -> part
    trained: set[int] = field(default_factory=set)  # posts that some head has learned from
    snapshot: Mapping[str, Any] = field(default_factory=dict)  # of the network in use
    files: int = 0

    def one(self) -> Upload:
        return self.posts[int(self.random.integers(len(self.posts)))]

    def md5(self) -> str:
        self.files += 1
        return f"{self.files:032x}"

    def near(self, look: int) -> int:
        for bit in self.random.choice(64, int(self.random.integers(0, 4)), replace=False).tolist():
            look ^= 1 << bit
        return look

    def new_look(self) -> int:
        return int(self.random.integers(1 << 62, 1 << 63))

    def arrive(self) -> None:
        """A new drawing, a copy of one that is here, or a child of one."""
        post = Upload(len(self.posts) + 1, self.md5(), self.new_look(), f"artist_{self.random.integers(60)}")
        kind = self.random.random()
        if self.posts and kind < 0.3:
            post.look = self.near(self.one().look)
        elif self.posts and kind < 0.4:
            post.parent = self.one().post_id
        elif self.posts and kind < 0.45:
            post.md5 = self.one().md5
        elif kind < 0.6:
            post.artist = ""
        self.posts.append(post)

    def edit(self) -> None:
        """Artists are corrected, families found, files replaced."""
        post, kind = self.one(), self.random.random()
        if kind < 0.4:
            post.artist = f"artist_{self.random.integers(60)}"
        elif kind < 0.7:
            post.parent = self.one().post_id
        else:
            post.md5, post.look = self.md5(), self.near(self.one().look)

    def present(self) -> list[Upload]:
        """Some are missing: hidden, or not looked at yet."""
        return [post for post in self.posts if self.random.random() < 0.95]

    def change_network(self, posts: list[Upload], split: list[int]) -> None:
        """The next network is trained on some of the pictures, by their splits."""
        rows = [row for row in range(len(posts)) if split[row] != CONTAMINATED and self.random.random() < 0.5]
        known_md5s = {
            name: [posts[row].md5 for row in rows if split[row] == number] for number, name in enumerate(SPLITS)
        }
        self.snapshot = {"parts": known_md5s}

    def play_round(self) -> tuple[list[Upload], list[int]]:
        posts, artists = self.present(), bool(self.random.random() < 0.7)
        evidence = evidence_of(posts, self.memory)
        split = splits_of(evidence, groups_of(evidence, artists=artists), self.snapshot, artists=artists)
        return posts, split.tolist()

    def remember(self, posts: list[Upload], split: list[int]) -> None:
        now = assigned_splits(np.array(split, dtype=np.int8)).tolist()
        self.memory.update({post.post_id: part for post, part in zip(posts, now, strict=True)})
        self.trained |= {post.post_id for post, part in zip(posts, split, strict=True) if part == TRAIN}


def evidence_of(posts: list[Upload], memory: Mapping[int, int]) -> Evidence:
    return replace(
        scene(len(posts)).evidence,
        post_ids=np.array([post.post_id for post in posts], dtype=np.int64),
        md5s=[post.md5 for post in posts],
        artists=[post.artist for post in posts],
        parent_ids=np.array([post.parent for post in posts], dtype=np.int64),
        look_hashes=np.array([post.look for post in posts], dtype=np.uint64),
        frozen_split=np.array([memory.get(post.post_id, NO_SPLIT) for post in posts], dtype=np.int8),
    )


@pytest.mark.fault("M19")
@pytest.mark.parametrize("seed", range(8))
def test_over_random_arrivals_edits_and_networks_no_test_picture_ever_trains(seed: int) -> None:
    gallery = Gallery(np.random.default_rng(seed))
    moved = 0
    for round_ in range(14):
        for _ in range(25):
            gallery.arrive()
        for _ in range(3):
            gallery.edit()
        before = dict(gallery.memory)

        posts, split = gallery.play_round()

        trained_on = set(gallery.snapshot.get("parts", {}).get("train", ()))
        for post, part in zip(posts, split, strict=True):
            was = before.get(post.post_id, NO_SPLIT)
            assert part >= was, f"post {post.post_id} went from {SPLITS[was]} to {SPLITS[part]}"
            if post.post_id in gallery.trained or post.md5 in trained_on:
                assert part in (TRAIN, CONTAMINATED), f"post {post.post_id} is measured, and was learned from"
            moved += part == CONTAMINATED
        for row, post in enumerate(posts):
            for other in range(row):
                if (post.look ^ posts[other].look).bit_count() <= 3 or post.md5 == posts[other].md5:
                    assert split[row] == split[other], "one drawing is in two parts"
        gallery.remember(posts, split)
        gallery.trained -= {post for post, part in gallery.memory.items() if part != TRAIN}  # no head knows them now
        if round_ % 4 == 3:
            gallery.change_network(posts, split)
    counts = np.bincount(list(gallery.memory.values()), minlength=3) / len(gallery.memory)
    assert moved
    assert counts[TEST] > 0.08
    assert counts[TRAIN] > 0.4


@pytest.mark.parametrize("seed", range(4))
def test_pictures_keep_their_split_when_a_copy_of_one_of_them_arrives(seed: int) -> None:
    gallery = Gallery(np.random.default_rng(seed))
    gallery.posts = [Upload(number, gallery.md5(), gallery.new_look()) for number in range(1, 301)]
    gallery.remember(gallery.posts, split_now(gallery))
    before = dict(gallery.memory)
    originals = gallery.posts[:100]

    gallery.posts += [Upload(1000 + post.post_id, gallery.md5(), post.look ^ TWO_BITS) for post in originals]
    split = split_now(gallery)

    assert split[:300] == [before[post.post_id] for post in gallery.posts[:300]]
    assert split[300:] == split[:100]


def split_now(gallery: Gallery) -> list[int]:
    evidence = evidence_of(gallery.posts, gallery.memory)
    split: list[int] = splits_of(evidence, groups_of(evidence), gallery.snapshot).tolist()
    return split


def test_drawings_of_different_splits_that_turn_out_to_be_one_are_used_for_nothing_and_then_held_out() -> None:
    gallery = Gallery(np.random.default_rng(0))
    first, second = 0xABCDEF12345678, 0xABCDEF12345678 ^ 0b11111  # five bits apart: two drawings
    gallery.posts = [Upload(1, gallery.md5(), first), Upload(2, gallery.md5(), second)]
    gallery.memory = {1: TRAIN, 2: TEST}

    gallery.posts.append(Upload(3, gallery.md5(), first ^ 0b11))  # two and three bits from them
    now = split_now(gallery)
    gallery.remember(gallery.posts, now)

    assert now == [CONTAMINATED, CONTAMINATED, CONTAMINATED]
    assert split_now(gallery) == [TEST, TEST, TEST]


def test_pictures_that_trained_the_network_are_contaminated_while_a_copy_of_them_is_held_out() -> None:
    gallery = Gallery(np.random.default_rng(0))
    gallery.posts = [Upload(1, gallery.md5(), 0xABCDEF12345678), Upload(2, gallery.md5(), 0xABCDEF12345678)]
    gallery.memory = {2: TEST}
    gallery.snapshot = {"parts": {"train": [gallery.posts[0].md5]}}

    now = split_now(gallery)
    gallery.remember(gallery.posts, now)
    later = split_now(gallery)
    gallery.snapshot = {}

    assert (now, later) == ([CONTAMINATED, CONTAMINATED], [CONTAMINATED, CONTAMINATED])
    assert split_now(gallery) == [TEST, TEST]  # the next network has not seen it


def test_a_network_that_was_trained_further_keeps_the_record_of_its_first_training() -> None:
    gallery = Gallery(np.random.default_rng(4))
    gallery.posts = [Upload(1, "first", 0xABCDEF12345678), Upload(2, "second", gallery.new_look())]
    gallery.posts.append(Upload(3, "copy", 0xABCDEF12345678))
    gallery.memory = {3: TEST}
    earlier = {"parts": {"train": ["first"], "validation": ["second"], "test": []}}

    gallery.snapshot = {"parts": taught_so_far({"parts": {"train": ["second"]}}, earlier)}

    assert gallery.snapshot["parts"] == {"train": ["second", "first"], "validation": [], "test": []}
    assert split_now(gallery) == [CONTAMINATED, TRAIN, CONTAMINATED]


def test_a_new_copy_of_a_training_picture_is_not_measured() -> None:
    gallery = Gallery(np.random.default_rng(1))
    gallery.posts = [Upload(number, gallery.md5(), gallery.new_look()) for number in range(1, 101)]
    gallery.snapshot = {"parts": {"train": [post.md5 for post in gallery.posts]}}
    gallery.posts += [Upload(100 + post.post_id, gallery.md5(), post.look ^ TWO_BITS) for post in gallery.posts]

    assert set(split_now(gallery)) == {TRAIN}


def test_new_pictures_of_an_artist_join_the_artists_split() -> None:
    gallery = Gallery(np.random.default_rng(2))
    gallery.posts = [Upload(number, gallery.md5(), gallery.new_look(), f"artist_{number}") for number in range(1, 61)]
    gallery.memory = {post.post_id: post.post_id % 3 for post in gallery.posts}
    gallery.posts += [
        Upload(100 + number, gallery.md5(), gallery.new_look(), f"artist_{number}") for number in range(1, 61)
    ]

    assert split_now(gallery)[60:] == [number % 3 for number in range(1, 61)]


def test_new_pictures_of_an_artist_whom_round_0_divided_are_assigned_by_family() -> None:
    gallery = Gallery(np.random.default_rng(3))
    gallery.posts = [Upload(number, gallery.md5(), gallery.new_look(), "prolific") for number in range(1, 401)]
    gallery.memory = {1: TRAIN, 2: VALIDATION, 3: TEST}
    for post in gallery.posts[300:]:
        post.parent = post.post_id - 100

    split = np.array(split_now(gallery))

    assert 0.6 < (split == TRAIN).mean() < 0.8
    assert 0.08 < (split == TEST).mean() < 0.23
    assert split[300:].tolist() == split[200:300].tolist()
