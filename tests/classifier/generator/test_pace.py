"""The discriminator's rate, and the early end."""

from __future__ import annotations

from classifier.generator.pace import DiscriminatorPace, Measurement, at_its_end, best_of


def measured(*pairs: tuple[float, float]) -> list[Measurement]:
    return [Measurement(step, step / 10, distance, spread) for step, (distance, spread) in enumerate(pairs, start=1)]


def test_a_discriminator_that_wins_every_time_is_slowed_down_and_one_that_loses_is_not() -> None:
    winning, losing = DiscriminatorPace(), DiscriminatorPace()
    for _ in range(400):
        winning.follow(1.0)
        losing.follow(0.5)

    assert winning.factor < 0.2 and losing.factor == 1.0
    for _ in range(400):
        winning.follow(0.5)
    assert winning.factor == 1.0
    for _ in range(4000):
        winning.follow(1.0)
    assert winning.factor == 1 / 16


def test_training_ends_when_nothing_improves_or_everything_looks_alike() -> None:
    better, worse = measured((0.5, 0.9), (0.4, 0.9)), measured((0.4, 0.9), (0.5, 0.9), (0.6, 0.9))

    assert not at_its_end(better, 2) and at_its_end(worse, 2) and not at_its_end(worse, 0)
    assert at_its_end(measured((0.4, 0.9), (0.3, 0.1)), 5)  # it collapsed, however near it seems
    assert best_of(measured((0.4, 0.9), (0.3, 0.1))).distance == 0.4
    assert not at_its_end(measured((9.0, 0.0), (8.0, 0.1), (7.0, 0.3)), 3)  # it has not begun yet
