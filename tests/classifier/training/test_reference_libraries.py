"""Groups, folds and splits are as even as SciPy's and scikit-learn's."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from classifier.heads.out_of_fold import deal_groups
from classifier.training.splits import Identity, group, split


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_the_connected_components_of_what_links_pictures(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 400
    parents = np.where(random.random(count) < 0.5, random.integers(0, count, count), -1)
    files = random.integers(0, 350, count)
    identities = [
        Identity(row, md5=f"{files[row]}", parent_id=None if parents[row] < 0 else int(parents[row]))
        for row in range(count)
    ]
    links = [(row, int(parents[row])) for row in range(count) if parents[row] >= 0]
    links += [(row, int(np.flatnonzero(files == files[row])[0])) for row in range(count)]
    ones, others = np.array(links).T

    groups = group(identities)

    components = connected_components(coo_array((np.ones(len(ones)), (ones, others)), (count, count)), directed=False)[
        1
    ]
    assert 1 < len(set(groups.tolist())) < count
    assert len(set(zip(groups.tolist(), components.tolist(), strict=True))) == groups.max() + 1 == components.max() + 1


def many_groups(seed: int, count: int = 240) -> tuple[np.ndarray, list[str]]:
    """Groups of very unequal size, and characters of which one is rare; a group is mostly of one character."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(count), random.zipf(1.8, count).clip(1, 30))
    usual = random.choice(["mona", "keqing", "rare"], count, p=(0.3, 0.6, 0.1))
    kinds = np.where(random.random(len(groups)) < 0.9, usual[groups], "keqing")
    return groups, kinds.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_folds_are_as_even_as_scikit_learns_to_the_size_of_a_group(seed: int) -> None:
    groups = many_groups(seed)[0]
    even = [len(out) for _, out in GroupKFold(5).split(groups, groups=groups)]

    fold = deal_groups(groups, 5, seed)

    sizes, largest = np.bincount(fold), np.bincount(groups).max()
    assert len(sizes) == len(even) == 5
    assert abs(sizes - np.sort(even)).max() <= largest
    assert len(set(zip(groups.tolist(), fold.tolist(), strict=True))) == len(set(groups.tolist()))


def test_splits_spread_every_kind_more_evenly_than_stratified_group_folds_do() -> None:
    ours, theirs = [], []
    for seed in range(4):
        groups, kinds = many_groups(seed)
        folds = [
            out for _, out in StratifiedGroupKFold(20, shuffle=True, random_state=seed).split(groups, kinds, groups)
        ]
        parts = split(groups, kinds, seed=seed)
        ours.append(unevenness([parts.train, parts.validation, parts.test], kinds))
        theirs.append(unevenness([np.concatenate(part) for part in (folds[:15], folds[15:18], folds[18:])], kinds))

    assert np.mean(ours) < np.mean(theirs)


def unevenness(parts: list[np.ndarray], kinds: list[str]) -> float:
    """How far the shares of the kinds are from 75, 15 and 10 %, at most."""
    everywhere, found = Counter(kinds), defaultdict(list)
    for part, share in zip(parts, (0.75, 0.15, 0.10), strict=True):
        here = Counter(kinds[row] for row in part.tolist())
        for kind, count in everywhere.items():
            found[kind].append(abs(here[kind] / count - share))
    return max(max(each) for each in found.values())
