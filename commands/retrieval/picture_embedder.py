"""Pictures that need not be in the gallery, looked at by the network of a model in force, as a crawl would."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from commands.context.registered_models import judge_settings, verified_either
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from storage.archive_records import RegisteredModel

if TYPE_CHECKING:
    from classifier.embedding_judge import EmbeddingJudge
    from storage.retrieval.transform import Stored


class PictureRefused(UsageRefused):
    """The bytes are no picture that can be looked at; the message is the reason in a word or two."""


class PictureEmbedder:
    """The decoders and the network, in processes of their own; use it as an async context manager."""

    def __init__(self, workspace: Workspace, model: RegisteredModel) -> None:
        """Nothing is loaded before the context is entered."""
        self._workspace, self._model = workspace, model
        self._stack = AsyncExitStack()
        self._judge: EmbeddingJudge | None = None

    async def __aenter__(self) -> Self:
        """Verify and load the model.

        Raises:
            ModelError: it is missing, altered, fails its canaries, or loads too slowly.
        """
        from classifier.embedding_judge import EmbeddingJudge

        package = await asyncio.to_thread(verified_either, self._workspace, self._model)
        judge = EmbeddingJudge(package, judge_settings(self._workspace.settings.scoring))
        self._judge = await self._stack.enter_async_context(judge)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._judge = None
        await self._stack.aclose()

    async def embed(self, content: bytes) -> Stored:
        """The embedding of an encoded picture, shape (d,).

        Raises:
            PictureRefused: it is none, or cannot be decoded.
            ModelError: the network or its device fails.
        """
        from classifier.head import read_embedding

        if self._judge is None:
            raise RuntimeError("the embedder is not open; use `async with`")
        look = await self._judge.look(content)
        if look.fault is not None:
            raise PictureRefused(look.fault)
        return read_embedding(look.embeddings[self._model.card.backbone_hash])
