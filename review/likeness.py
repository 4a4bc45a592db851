"""Pictures like one picture, for the page: one search a network, opened when it is first asked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from review.errors import NotComparable
from review.service import SimilarList
from rounds.retrieval.name_vote import Reliability, named, reliability, vote_text
from rounds.retrieval.neighbours import Neighbours, Terms
from storage.errors import NoEmbeddings
from storage.gallery_view import known_ratios
from storage.reader import Reader

Vector = npt.NDArray[np.float16]  # (d,), an embedding

MOST_ALIKE = 500  # pictures in one answer


class PictureEmbedder(Protocol):
    """Looks at a picture that need not be in the gallery; the page neither decodes one nor loads a network."""

    async def embed(self, target: str, content: bytes) -> Vector:
        """What the network of a target's model makes of an encoded picture.

        Raises:
            NotComparable: it is no picture, or there is no model to look at it; says why.
        """
        ...

    async def close(self) -> None:
        """End the processes."""
        ...


class Likeness:
    """Searches over a gallery, for every network that models in force have. Any thread may call it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._lock = threading.Lock()  # a first search makes a file, and a second one would make it too
        self._open: dict[str, tuple[Neighbours, Reliability]] = {}

    def close(self) -> None:
        """Let the files go."""
        for neighbours, _ in self._open.values():
            neighbours.index.close()
        self._open.clear()

    def of_picture(self, target: str, picture: int, most: int) -> SimilarList:
        """The pictures of a target that are most like one of the gallery's; none where no network looked at it."""
        model = self._reader.active_model(target)
        try:
            searches = None if model is None else self._searches(model.card.backbone_hash)
        except NoEmbeddings:
            searches = None
        vector = None if searches is None else searches[0].vector_of(picture)
        if searches is None or vector is None:
            return SimilarList((), (), (), "")
        return self._found(searches, vector, Terms(target=target), most, frozenset({picture}))

    def of_vector(self, target: str, vector: Vector, most: int) -> SimilarList:
        """The pictures of a target that are most like one that its network has just looked at.

        Raises:
            NotComparable: the target has no model in force by now, or its network has looked at no picture.
        """
        model = self._reader.active_model(target)
        if model is None:
            raise NotComparable(f"{target} has no model in force, so pictures cannot be compared")
        try:
            searches = self._searches(model.card.backbone_hash)
            return self._found(searches, vector, Terms(target=target), most, frozenset())
        except (NoEmbeddings, ValueError) as error:  # of another length: another model is in force by now
            raise NotComparable(str(error)) from error

    def _searches(self, network: str) -> tuple[Neighbours, Reliability]:
        with self._lock:
            if network not in self._open:
                neighbours = Neighbours(self._reader, network)
                self._open[network] = neighbours, reliability(self._reader, neighbours)
            return self._open[network]

    def _found(
        self, searches: tuple[Neighbours, Reliability], vector: Vector, terms: Terms, most: int, own: frozenset[int]
    ) -> SimilarList:
        neighbours, how_good = searches
        near = neighbours.nearest(vector, min(most, MOST_ALIKE), terms, leave_out=own)
        vote, _ = named(self._reader, neighbours, vector, leave_out=own)
        ids: Sequence[int] = [one.version_id for one in near]
        ratios = self._reader.ask(lambda c: known_ratios(c, ids))
        words = "" if vote is None else vote_text(vote, how_good)
        return SimilarList(ids, [ratios.get(one, 1.0) for one in ids], [one.similarity for one in near], words)
