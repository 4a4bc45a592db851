"""What the main job asks of a classifier, so that it need not know one.

`classifier.judge` fulfils it with real networks; tests hand in a judge of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from storage.records import JudgeStats, Known, Look, ModelCard

__all__ = ["Judge", "JudgeStats", "with_stored_vectors"]


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

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """As `look` at a preview, or `recall` of its embeddings, with up to so many frames of the moving file too.

        Their embeddings are the look's `windows`; it has none where the file cannot be decoded.
        """
        ...

    def stats(self) -> JudgeStats:
        """How busy it has been."""
        ...


async def with_stored_vectors(judge: Judge, look: Look, known: Known) -> Look:
    """A look scored by what the user's tagger saw in the picture before, where a model goes by that and it did not look
    now: the scores are then those that the stored embeddings give.
    """
    now = look.tagger_tags.vector.network if look.tagger_tags is not None and look.tagger_tags.vector else ""
    wanted = {card.tagger_network for card in judge.models.values()} - {"", now}
    stored = {network: known.embeddings[network] for network in wanted & known.embeddings.keys()}
    if not stored or not look.scores:
        return look
    views = {name: vector + look.windows.get(name, b"") for name, vector in look.embeddings.items()}
    again = await judge.recall({**views, **stored})
    return look if again.fault else replace(look, scores={**look.scores, **again.scores})
