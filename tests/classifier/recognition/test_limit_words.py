"""Limits in words: only those that limit something."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from classifier.recognition.certainty import Limits, limit_words


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(0.0, 0.985, 0.4), "a gap to the second of 0.98 and a deviation of 0.40"),
        (Limits(0.5, 0.0, 0.0), "a probability of 0.50"),
        (Limits(0.0, 0.0, 0.0), ""),
    ],
)
def test_only_what_limits_is_told(limits: Limits, words: str) -> None:
    assert limit_words(asdict(limits)) == words
