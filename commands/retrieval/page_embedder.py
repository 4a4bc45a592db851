"""Pictures that a person drops on the review page, looked at by the network of a target's model in force."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from commands.context.workspace import Workspace
from commands.lookup.gallery_reader import read_gallery
from commands.retrieval.picture_embedder import PictureEmbedder, PictureRefused
from review.errors import NotComparable
from storage.archive_records import RegisteredModel
from storage.run_error import RunError

if TYPE_CHECKING:
    from storage.retrieval.transform import Stored


class PageEmbedder:
    """A `review.likeness.PictureEmbedder`: opens a network with the first picture, and keeps the last one open."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._one_at_a_time = asyncio.Lock()
        self._open: tuple[str, PictureEmbedder] | None = None  # hash of the model, and what looks

    async def embed(self, target: str, content: bytes) -> Stored:
        """What the network of a target's model makes of an encoded picture.

        Raises:
            NotComparable: it is no picture, or there is no model that can look at it.
        """
        async with self._one_at_a_time:
            try:
                return await (await self._embedder(target)).embed(content)
            except PictureRefused as refused:
                raise NotComparable(f"this is no picture that can be looked at: {refused}") from None
            except RunError as error:
                await self._let_go()  # whatever failed begins anew with the next picture
                raise NotComparable(str(error)) from error

    async def close(self) -> None:
        """End the processes."""
        async with self._one_at_a_time:
            await self._let_go()

    async def _embedder(self, target: str) -> PictureEmbedder:
        model = await asyncio.to_thread(self._model, target)
        if self._open is None or self._open[0] != model.card.hash:
            await self._let_go()
            embedder = PictureEmbedder(self._workspace, model)
            await embedder.__aenter__()
            self._open = model.card.hash, embedder
        return self._open[1]

    def _model(self, target: str) -> RegisteredModel:
        with read_gallery(self._workspace) as reader:
            model = reader.active_model(target)
        if model is None:
            raise NotComparable(f"{target} has no model in force, so no other picture can be looked at")
        return model

    async def _let_go(self) -> None:
        if self._open is not None:
            embedder, self._open = self._open[1], None
            await embedder.__aexit__(None, None, None)
