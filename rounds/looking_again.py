"""Rescoring when the network changed: every stored rendition is looked at once more; nothing is downloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from crawler.deciding import Policy, Ruling
from crawler.judge import Judge
from rounds.learning_process import Tell
from storage.filing import Sighting, Work
from storage.records import DecisionValue, Known, Post, StoredRendition, Target

_AT_ONCE = 200  # posts
_IN_FLIGHT = 48


class Shelf(Protocol):
    """Where pictures lie and looks are filed; the archive does it."""

    async def unfinished(
        self, listing_id: int, work: Work, *, below: int | None = None, limit: int = 200
    ) -> Sequence[Post]: ...
    async def known(self, posts: Sequence[Post], targets: Sequence[str]) -> Mapping[int, Known]: ...
    async def read_rendition(self, stored: StoredRendition) -> bytes | None: ...
    async def file_look(self, sighting: Sighting) -> None: ...


@dataclass(slots=True)
class LookedAgain:
    """What came of it."""

    looked: int = 0
    kept: int = 0  # by tag or score
    without: int = 0  # posts without a stored picture; the next crawl looks at them


async def look_again(
    shelf: Shelf, judge: Judge, target: Target, listings: Sequence[int], policy: Policy, *, tell: Tell
) -> LookedAgain:
    """Look at every post that the judge's model has not decided yet; what is killed here is taken up by the next.

    Args:
        shelf: the archive, open.
        judge: open, with the model in force.
        target: whom it is about.
        listings: ids of the listings whose posts are meant.
        policy: the settings that decisions follow.
        tell: progress.
    """
    done, room = LookedAgain(), asyncio.Semaphore(_IN_FLIGHT)
    card = judge.models[target.name]
    ruling = Ruling(policy, judge.models)
    work = Work((target.name,), {target.name: card.hash})

    async def look(post: Post, known: Known) -> None:
        async with room:
            stored = known.rendition and await shelf.read_rendition(known.rendition)
            if not stored:
                done.without += 1
                return
            seen = await judge.look(stored)
            decision = ruling.decide(target, post.tags, seen)
            await shelf.file_look(Sighting(post=post, look=seen, decisions=(decision,), models=judge.models))
            done.looked += 1
            done.kept += decision.value is DecisionValue.KEEP

    for listing in listings:
        below: int | None = None
        while posts := await shelf.unfinished(listing, work, below=below, limit=_AT_ONCE):
            below = posts[-1].id
            known = await shelf.known(posts, [target.name])
            waiting = [post for post in posts if _undecided(known.get(post.id), target.name, card.hash)]
            await asyncio.gather(*(look(post, known[post.id]) for post in waiting))
            tell("looking again", 0.0, f"{done.looked} pictures")
    return done


def _undecided(known: Known | None, target: str, model_hash: str) -> bool:
    """Whether the model has not looked yet: a kept post whose original is missing is unfinished for another reason."""
    if known is None:
        return False
    decision = known.decisions.get(target)
    return decision is None or decision.model_hash != model_hash
