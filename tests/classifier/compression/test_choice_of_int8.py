"""Which of two ways to eight bits is taken, and the reason that is given for it."""

from __future__ import annotations

import pytest

from classifier.compression.quantization import Measured, chosen, reason


def way(mode: str, ms: float, alike: float) -> Measured:
    return Measured(mode=mode, ms=ms, times=ms / 10, alike=alike, size=1, share=0.25)


@pytest.mark.parametrize(
    ("dynamic", "static", "taken", "why"),
    [
        ((6.0, 0.995), (4.0, 0.991), "static", "the fastest that makes 99% of decisions as before"),
        ((4.0, 0.995), (40.0, 1.0), "dynamic", "the fastest that makes 99% of decisions as before"),
        ((4.0, 0.992), (4.1, 1.0), "static", "the truer one of two that are about as fast"),
        ((40.0, 0.999), (4.0, 0.97), "dynamic", "the only one that makes 99% of decisions as before"),
        ((4.0, 0.90), (9.0, 0.95), "static", "the truer one, for neither makes 99% of decisions as before"),
    ],
)
def test_the_fastest_that_decides_as_before_is_taken(
    dynamic: tuple[float, float], static: tuple[float, float], taken: str, why: str
) -> None:
    found = [way("dynamic", *dynamic), way("static", *static)]

    best = chosen(found)

    assert best.mode == taken
    assert reason(found, best) == why


def test_a_way_that_was_asked_for_needs_no_other_reason() -> None:
    only = way("static", 40.0, 0.5)

    assert chosen([only]) is only
    assert reason([only], only) == "the way that was asked for"
