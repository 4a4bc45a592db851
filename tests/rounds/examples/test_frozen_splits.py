"""What was tested on is never trained on, in no later round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.heads.training_set import TEST, TRAIN, VALIDATION
from rounds.examples.frozen_splits import groups_of, splits_of, trained_on
from storage.evidence import Evidence
from tests.rounds.evidence import scene

pytestmark = pytest.mark.no_gallery


def part_by_md5(evidence: Evidence, snapshot: dict[str, object] | None = None) -> dict[str, int]:
    split = splits_of(evidence, groups_of(evidence), snapshot or {})
    return dict(zip(evidence.md5s, split.tolist(), strict=True))


def test_test_pictures_stay_test_pictures_while_the_gallery_grows() -> None:
    artists = [f"artist_{number % 300}" for number in range(1200)]
    whole = replace(scene().evidence, artists=artists)
    small = whole.rows(np.arange(0, 1200, 2))

    before, after = part_by_md5(small), part_by_md5(whole)

    assert {after[md5] for md5, part in before.items() if part == TEST} == {TEST}
    assert 0.08 < sum(part == TEST for part in after.values()) / 1200 < 0.25


@pytest.mark.fault("M19")
def test_pictures_of_one_family_file_or_artist_share_a_split() -> None:
    evidence = scene(600).evidence
    parents = evidence.parent_ids.copy()
    parents[100:140] = 7
    pixels = [f"same-{number // 3}" for number in range(600)]
    artists = ["one" if number < 50 else "" for number in range(600)]
    evidence = replace(evidence, parent_ids=parents, pixel_hashes=pixels, artists=artists)
    groups = groups_of(evidence)

    split = splits_of(evidence, groups, {})

    assert all(len(set(split[groups == number].tolist())) == 1 for number in np.unique(groups))
    assert len(set(split[100:140].tolist())) == 1
    assert len(set(split[:50].tolist())) == 1


def test_what_the_backbone_was_trained_on_never_tests_a_head_on_it() -> None:
    evidence = scene().evidence
    network_splits = {"train": list(evidence.md5s[:500]), "validation": list(evidence.md5s[500:600]), "test": []}

    split = splits_of(evidence, groups_of(evidence), {"parts": network_splits})

    assert set(split[:500].tolist()) == {TRAIN}
    assert set(split[500:600].tolist()) == {VALIDATION}


def test_what_was_to_train_a_network_that_was_taken_as_published_trains_later_ones_and_was_seen_by_none() -> None:
    evidence = scene().evidence
    parts = {"train": [], "validation": list(evidence.md5s[:80]), "test": list(evidence.md5s[80:160])}
    snapshot = {"parts": parts | {"spared": list(evidence.md5s[160:560])}, "taught": {"steps": 0}}

    split = splits_of(evidence, groups_of(evidence), snapshot)

    assert [set(split[rows].tolist()) for rows in (slice(80), slice(80, 160), slice(160, 560))] == [
        {VALIDATION},
        {TEST},
        {TRAIN},
    ]
    assert not trained_on(evidence, snapshot).any()


def test_a_duplicate_of_a_test_picture_joins_it_there() -> None:
    evidence = scene(400).evidence
    split = splits_of(evidence, groups_of(evidence), {})
    test, train = int(np.flatnonzero(split == TEST)[0]), int(np.flatnonzero(split == TRAIN)[0])
    hashes = list(evidence.pixel_hashes)
    hashes[test] = hashes[train] = "the same pixels"

    again = replace(evidence, pixel_hashes=hashes)

    assert splits_of(again, groups_of(again), {})[[test, train]].tolist() == [TEST, TEST]
