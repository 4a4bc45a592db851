"""What the main job asks of a classifier, so that it need not know one.

`classifier.judge` fulfils it with real networks; tests hand in a judge of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from storage.records import JudgeStats, Look, ModelCard

__all__ = ["Judge", "JudgeStats"]


class Judge(Protocol):
    """Looks at pictures; never raises for a bad picture, says so in `Look.fault` instead."""

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models in use, by `Target.name`; fixed for the judge's life."""
        ...

    async def look(self, picture: bytes) -> Look:
        """Decode and score one encoded picture; batches with whatever else is waiting.

        Raises:
            Exception of the classifier's own family when the device or model fails as a whole: the run must stop.
        """
        ...

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """Score stored embeddings (backbone hash -> float16: the whole picture's, then its windows')."""
        ...

    def stats(self) -> JudgeStats:
        """How busy it has been."""
        ...
