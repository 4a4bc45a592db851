"""Which groups of pictures lose a tag: exactly the share that was asked for, whole groups at a time."""

from __future__ import annotations

import random
from collections.abc import Mapping

from demo.errors import GalleryError


def choose_groups(sizes: Mapping[str, int], share: float, seed: str) -> set[str]:
    """Groups that together hold about `share` of all pictures, drawn by the seed.

    Args:
        sizes: pictures of each group.
        share: 0..1.
        seed: the same seed draws the same groups on every machine.
    Raises:
        GalleryError: the share is no share.
    """
    if not 0 <= share <= 1:
        raise GalleryError(f"a share must lie between 0 and 1, got {share}")
    wanted = share * sum(sizes.values())
    names = sorted(sizes)
    random.Random(seed).shuffle(names)  # noqa: S311 (a seeded choice, no secret)
    chosen: set[str] = set()
    for name in names:
        if sizes[name] / 2 > wanted:
            continue
        wanted -= sizes[name]
        chosen.add(name)
    return chosen
