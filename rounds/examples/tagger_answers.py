"""What the user's own tagger says of a sample's pictures, where it is fast enough to be asked about all of them.

A crawl asks the tagger about every picture anyway, so what it knows is worth hearing from the first model on. But the
crawl cannot begin before that model is there: a tagger that would hold it up for long is not asked further, and what
it has said of the first pictures is dropped, since the ones that were asked about are no fair part of the sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.pictures.preprocessing import Pixels
from storage.records import TaggerTags

MOST_S = 120.0  # that the tagger may compute for one sample
_PROBED = 16  # pictures after which its speed is known


class PictureTagger(Protocol):
    """A tagger; `classifier.taggers.client.TaggerClient` is one."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def pictures(self) -> int:
        """How many it has looked at."""
        ...

    @property
    def busy_s(self) -> float:
        """Seconds that it has computed for that."""
        ...

    async def tag(self, pixels: Pixels) -> TaggerTags | None:
        """The tags of one picture, made ready for it; None where its answer is no numbers."""
        ...


class TaggerAnswers:
    """Asks about picture after picture, and keeps what the tagger says by post."""

    def __init__(self, tagger: PictureTagger, most_s: float = MOST_S) -> None:
        """Prepare.

        Args:
            tagger: the user's.
            most_s: seconds that it may compute for all pictures.
        """
        self._tagger, self._most_s = tagger, most_s
        self._by_post: dict[int, TaggerTags] = {}
        self._too_slow_s = 0.0  # for all pictures; 0: it is fast enough

    @property
    def by_post(self) -> Mapping[int, TaggerTags]:
        """By the post's number; empty where the tagger is too slow."""
        return {} if self._too_slow_s else self._by_post

    async def ask(self, post: int, pixels: Pixels, count: int) -> None:
        """Ask about a post's picture, one of so many, unless that has turned out to take too long.

        Raises:
            ModelError: the tagger failed for good.
        """
        if self._too_slow_s:
            return
        tags = await self._tagger.tag(pixels)
        if tags is not None:
            self._by_post[post] = tags
        whole_s = self._tagger.busy_s / max(1, self._tagger.pictures) * count
        if self._tagger.pictures >= _PROBED and whole_s > self._most_s:
            self._too_slow_s = whole_s

    def vectors(self, posts: Sequence[int | None]) -> tuple[str, npt.NDArray[np.float16]]:
        """The penultimate layer for the pictures of these posts; None stands for a picture that is no post.

        Returns:
            What keys the vectors, "" where there are none; the vectors, shape (n, k), not-a-number for pictures that
            the tagger never looked at.
        """
        given = [None if post is None else self.by_post.get(post) for post in posts]
        there = {row: tags.vector for row, tags in enumerate(given) if tags is not None and tags.vector is not None}
        if not there:
            return "", np.zeros((len(posts), 0), dtype=np.float16)
        network = next(iter(there.values())).network
        rows = {row: np.frombuffer(vector.values, dtype="<f2") for row, vector in there.items()}
        found = np.full((len(posts), len(next(iter(rows.values())))), np.nan, dtype=np.float16)
        for row, vector in rows.items():
            found[row] = vector
        return network, found

    def words(self) -> str:
        """What became of it, for people."""
        if self._too_slow_s:
            return (
                f"the tagger {self._tagger.name} would take {self._too_slow_s / 60:.0f} minutes for the pictures that "
                "the first model is learned from, so that model is learned without it; crawl train hears it later"
            )
        return f"the tagger {self._tagger.name} has looked at the pictures that the first model is learned from"
