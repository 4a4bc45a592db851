"""What the service asks of whoever scores, and the limits within which it asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

OUTCOMES = ("keep", "delete", "undecided", "failed")


@dataclass(frozen=True, slots=True)
class Scored:
    """What is said of one picture."""

    outcome: str  # one of OUTCOMES
    probability: float | None = None  # 0..1; None: it could not be scored
    name: str | None = None  # whom it shows, where it is kept
    reason: str = ""  # why it is so, for people
    fault: str | None = None  # why it failed: undecodable, truncated, too large …
    width: int = 0  # of the whole picture, pixels, upright
    height: int = 0
    format: str = ""  # what the bytes really are


class PictureScorer(Protocol):
    """Scores encoded pictures, many at a time."""

    async def score(self, picture: bytes) -> Scored:
        """Of one picture; a bad one is `failed`, and never an exception.

        Raises:
            RunError: the model fails as a whole.
        """
        ...


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What is served."""

    name: str  # `mona/3`
    kind: str  # target | recogniser
    device: str
    facts: Mapping[str, Any] = field(default_factory=dict)  # for programs: threshold, or classes and limits; refusal


@dataclass(frozen=True, slots=True)
class ServingLimits:
    """What requests may cost."""

    picture_bytes: int = 32 * 1024 * 1024  # of one picture
    request_bytes: int = 64 * 1024 * 1024  # of a whole request
    pictures: int = 64  # in one request
    at_once: int = 4  # requests whose pictures are read and scored; bounds the memory
    waiting: int = 32  # requests that wait for their turn; more are refused
