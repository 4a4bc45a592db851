"""Rescoring after a change of network: every stored rendition is embedded once more; nothing is downloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from classifier.progress import ProgressCallback
from crawler.decisions import Policy, Ruling
from crawler.judge import Judge, with_stored_vectors
from storage.archive_records import Sighting, Work
from storage.plurals import counted
from storage.records import DecisionValue, Known, Post, StoredRendition, Target

_AT_ONCE = 200  # posts
_IN_FLIGHT = 48


class LookArchive(Protocol):
    """Where renditions are read and looks are filed; the archive does it."""

    async def unfinished(
        self, listing_id: int, work: Work, *, below: int | None = None, limit: int = 200
    ) -> Sequence[Post]: ...
    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]: ...
    async def read_rendition(self, stored: StoredRendition) -> bytes | None: ...
    async def file_look(self, sighting: Sighting) -> None: ...


@dataclass(slots=True)
class RefreshResult:
    """Counts of posts."""

    looked: int = 0
    kept: int = 0  # by tag or score
    without: int = 0  # posts without a stored picture; the next crawl looks at them


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """Which posts are embedded again."""

    target: Target
    listings: Sequence[int]  # ids; their posts are embedded
    policy: Policy  # the settings that decisions follow
    expected: int = 0  # how many posts those are, for the progress; 0: nobody counted


async def refresh_embeddings(
    archive: LookArchive, judge: Judge, request: RefreshRequest, *, report: ProgressCallback
) -> RefreshResult:
    """Look at every post that another model has decided; after a kill the next call continues.

    Posts that were listed and never decided are left to a crawl, which may have had a limit before them.

    Args:
        archive: the archive, open.
        judge: open, with the model in force.
        request: which posts, for which target.
        report: progress.
    """
    done, room, target = RefreshResult(), asyncio.Semaphore(_IN_FLIGHT), request.target
    card = judge.models[target.name]
    ruling = Ruling(request.policy, judge.models)
    work = Work((target.name,), {target.name: card.hash})

    async def look(post: Post, known: Known) -> None:
        async with room:
            stored = known.rendition and await archive.read_rendition(known.rendition)
            if not stored:
                done.without += 1
                return
            look = await with_stored_vectors(judge, await judge.look(stored), known)
            seen, decisions = ruling.judge((target,), post, look, known.tagger_tags)
            await archive.file_look(Sighting(post=post, look=seen, decisions=decisions, models=judge.models))
            done.looked += 1
            done.kept += decisions[0].value is DecisionValue.KEEP

    for listing in request.listings:
        below: int | None = None
        while posts := await archive.unfinished(listing, work, below=below, limit=_AT_ONCE):
            below = posts[-1].id
            known = await archive.known(posts, [target.name])
            waiting = [post for post in posts if _decided_by_another(known.get(post.id), target.name, card.hash)]
            await asyncio.gather(*(look(post, known[post.id]) for post in waiting))
            share = min(1.0, (done.looked + done.without) / request.expected) if request.expected else 0.0
            report("looking again", share, counted(done.looked, "picture"))
    return done


def _decided_by_another(known: Known | None, target: str, model_hash: str) -> bool:
    """Whether a crawl has decided the post by another model; a kept one is unfinished only for want of its original."""
    decision = None if known is None else known.decisions.get(target)
    return decision is not None and decision.model_hash != model_hash
