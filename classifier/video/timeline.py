"""Who appears when, from looks at single frames: votes over a second, and no flicker at the limit.

A look's probabilities are averaged with those of half a second before and after it; a name begins where the rule says
it, and ends only where the average is clearly below. Looks go in one by one and appearances come out as they end, so an
hour takes no more memory than a minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from classifier.arrays import FloatArray
from classifier.recognition.recogniser import Recogniser

VOTE_S = 1.0  # over which looks are averaged
STAYS = 0.6  # of the probability that begins an appearance: as long as it has that much, it goes on


@dataclass(frozen=True, slots=True)
class Appearance:
    """A stretch of time in which somebody is seen."""

    name: str
    start_s: float
    end_s: float
    confidence: float  # 0..1: the mean of the averaged probabilities
    looks: int  # at frames in it
    best_s: float  # time of the look that was surest
    thumbnail: bytes = b""  # of that look, a JPEG; empty: none was wanted


class NameRule(Protocol):
    """Which name a moment gets."""

    def name_at(self, probabilities: FloatArray, current: str | None) -> tuple[str | None, float]:
        """The name by averaged probabilities, shape (columns,), and how likely it is.

        Args:
            probabilities: of the moment.
            current: the name of the moment before.
        """
        ...


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """One target: seen from its threshold on."""

    name: str
    threshold: float  # 0..1

    def name_at(self, probabilities: FloatArray, current: str | None) -> tuple[str | None, float]:
        """See `NameRule`."""
        probability = float(probabilities[0])
        least = self.threshold * STAYS if current is not None else self.threshold
        return (self.name if probability >= least else None), probability


@dataclass(frozen=True, slots=True, eq=False)
class RecogniserRule:
    """Many names: whom the recogniser says; one that was said stays while it is the likeliest, and likely enough."""

    recogniser: Recogniser

    def name_at(self, probabilities: FloatArray, current: str | None) -> tuple[str | None, float]:
        """See `NameRule`."""
        name = self.recogniser.decide(probabilities[None])[0]
        likeliest, top = self.recogniser.classes[int(probabilities.argmax())], float(probabilities.max())
        if name is None and current == likeliest and top >= STAYS * self.recogniser.limits.top:
            name = current
        return name, top


@dataclass(slots=True)
class _Look:
    time_s: float
    probabilities: FloatArray
    thumbnail: bytes


@dataclass(slots=True)
class _Open:
    """An appearance that has not ended. Averages reach over its ends, so these are where single looks show it."""

    name: str
    begun_s: float
    start_s: float | None = None  # of the first look that says the name by itself
    end_s: float | None = None  # of the look after the last one that does
    own: bool = False  # whether the last look did
    total: float = 0.0
    looks: int = 0
    best: float = -1.0
    best_s: float = 0.0
    thumbnail: bytes = b""

    def add(self, look: _Look, probability: float, *, own: bool) -> None:
        """Count a look of it."""
        self.reach(look.time_s)
        self.own = own
        if own and self.start_s is None:
            self.start_s = min(self.begun_s, look.time_s) if self.looks == 0 else look.time_s
        self.total += probability
        self.looks += 1
        if probability > self.best:
            self.best, self.best_s, self.thumbnail = probability, look.time_s, look.thumbnail

    def reach(self, time_s: float) -> None:
        """The next look is then: until there the last one holds."""
        if self.own:
            self.end_s = time_s

    def ended(self, time_s: float) -> Iterator[Appearance]:
        """As it stands in the result; nothing where no look says the name by itself."""
        self.reach(time_s)
        if self.start_s is not None and self.end_s is not None:
            mean = self.total / self.looks
            yield Appearance(self.name, self.start_s, self.end_s, mean, self.looks, self.best_s, self.thumbnail)


class Timeline:
    """Takes looks in the order of time, gives appearances as they end."""

    def __init__(self, rule: NameRule, vote_s: float = VOTE_S) -> None:
        self._rule, self._half_s = rule, vote_s / 2
        self._window: deque[_Look] = deque()
        self._decided = 0  # looks of the window that have been decided
        self._open: _Open | None = None

    def add(self, time_s: float, probabilities: FloatArray, thumbnail: bytes = b"") -> Iterator[Appearance]:
        """One look.

        Args:
            time_s: later than the look before.
            probabilities: shape (columns,), as the rule wants them.
            thumbnail: of the frame.
        """
        self._window.append(_Look(time_s, probabilities, thumbnail))
        yield from self._decide(time_s - self._half_s)

    def finish(self, end_s: float) -> Iterator[Appearance]:
        """No more looks come; the video ends then."""
        yield from self._decide(float("inf"))
        if self._open is not None:
            yield from self._open.ended(max(end_s, self._open.best_s))
            self._open = None

    def _decide(self, before_s: float) -> Iterator[Appearance]:
        """Decide every look whose neighbours are all there."""
        while self._decided < len(self._window) and self._window[self._decided].time_s < before_s:
            look = self._window[self._decided]
            while self._window[0].time_s < look.time_s - self._half_s:
                self._window.popleft()
                self._decided -= 1
            around = [one.probabilities for one in self._window if one.time_s <= look.time_s + self._half_s]
            yield from self._at(look, np.mean(around, axis=0))
            self._decided += 1

    def _at(self, look: _Look, probabilities: FloatArray) -> Iterator[Appearance]:
        current = self._open.name if self._open is not None else None
        name, probability = self._rule.name_at(probabilities, current)
        if self._open is not None and name != current:
            yield from self._open.ended(look.time_s)
            self._open = None
        if name is not None:
            self._open = self._open or _Open(name, self._begun(look, name))
            self._open.add(look, probability, own=self._rule.name_at(look.probabilities, None)[0] == name)

    def _begun(self, look: _Look, name: str) -> float:
        """When the single looks before this one, without a gap, began to say the name."""
        begun_s = look.time_s
        for number in range(self._decided - 1, -1, -1):
            before = self._window[number]
            if self._rule.name_at(before.probabilities, None)[0] != name:
                break
            begun_s = before.time_s
        return begun_s
