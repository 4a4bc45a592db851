"""When the discriminator is too good, how large its steps are; and when a training has nothing more to gain."""

from __future__ import annotations

from dataclasses import dataclass

_WANTED = 0.8  # share of pairs that the discriminator may tell apart without being slowed down
_REMEMBERED = 0.95  # of that share from one step to the next
_SPEED = 0.2  # how fast the rate follows
_LEAST, _MOST = 1 / 16, 1.0  # times the rate of the settings
_COLLAPSED = 0.25  # of the real pictures' spread: painted ones that vary less are all nearly one


@dataclass(slots=True)
class DiscriminatorPace:
    """The discriminator's rate: smaller while it tells nearly all pairs apart, as there is little to learn from it."""

    factor: float = 1.0  # of the rate in the settings
    told_apart: float = 0.5  # 0..1, of the last steps

    def follow(self, told_apart: float) -> float:
        """The factor after a step.

        Args:
            told_apart: 0..1, share of its pairs in which the real picture looked more real.
        """
        self.told_apart = _REMEMBERED * self.told_apart + (1 - _REMEMBERED) * told_apart
        wanted = self.factor * (1 + _SPEED * (_WANTED - self.told_apart))
        self.factor = min(_MOST, max(_LEAST, wanted))
        return self.factor


@dataclass(frozen=True, slots=True)
class Measurement:
    """The validation pictures against painted ones, at one moment."""

    step: int  # that was done last
    epoch: float  # passes over the training pictures
    distance: float  # kernel distance
    spread: float  # how much painted pictures vary; 1: as much as real ones


def best_of(measurements: list[Measurement]) -> Measurement:
    """The one of least distance; one that has collapsed only where all have."""
    return min(measurements, key=lambda one: (collapsed(one), one.distance))


def collapsed(measurement: Measurement) -> bool:
    """Whether painted pictures are all nearly one."""
    return measurement.spread < _COLLAPSED


def at_its_end(measurements: list[Measurement], patience: int) -> bool:
    """Whether training ends early: nothing has improved in so many measurements, or it collapsed after it had not.

    Args:
        measurements: in their order.
        patience: 0: never.
    """
    if not patience or len(measurements) < 2:
        return False
    after_best = len(measurements) - 1 - measurements.index(best_of(measurements))
    fallen = collapsed(measurements[-1]) and not collapsed(best_of(measurements))
    return fallen or after_best >= patience
