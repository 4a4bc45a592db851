"""The site's own tagger, as unreliable as the real one: weak, uncalibrated percents."""

from __future__ import annotations

import random
from collections.abc import Sequence

MISSED = 0.18  # share of shown characters that it gives a low score
MISTAKEN = 0.06  # chance of a character that is not there


def guess_tags(
    shown: Sequence[str], known: Sequence[str], general: Sequence[str], rng: random.Random
) -> tuple[tuple[str, int], ...]:
    """Guess at a picture.

    Args:
        shown: characters that are really there.
        known: all characters that the tagger knows.
        general: general tags of the picture.
        rng: the source of its mistakes.
    Returns:
        (name, percent 1..100), best first.
    """
    guesses: dict[str, int] = {}
    for name in general:
        guesses[name] = rng.randint(55, 99)
    for name in shown:
        guesses[name] = rng.randint(2, 45) if rng.random() < MISSED else rng.randint(50, 97)
    for name in known:
        if name not in guesses and rng.random() < MISTAKEN:
            guesses[name] = rng.randint(50, 80) if rng.random() < 0.25 else rng.randint(1, 40)
    return tuple(sorted(guesses.items(), key=lambda guess: (-guess[1], guess[0])))
