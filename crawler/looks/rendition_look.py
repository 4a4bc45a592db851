"""One picture fetched, looked at and recorded: its rendition, its scores and what they decide, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crawler.run import Run
from crawler.sources.renditions import fits, likeness
from storage.archive_records import Attempt, Sighting, StoredFacts
from storage.records import ORIGINAL, Decision, Known, Look, Post, Rendition

LOOKS_PER_PICTURE = 2  # a rendition that arrives damaged is fetched once more before it counts as the site's own fault


@dataclass(frozen=True, slots=True)
class ArrivedRendition:
    """A rendition that came over the network."""

    attempt: Attempt
    content: bytes
    facts: StoredFacts | None  # None: not whole, so not stored


async def fetch_and_look(run: Run, post: Post, rendition: Rendition, *, replaceable: bool) -> tuple[Look, bytes]:
    """Fetch and look, once more when what arrived is not whole; what is still not whole is a fault, not a picture."""
    version = post.file if rendition.name == ORIGINAL else None
    look, content = Look(fault="undecodable"), b""
    for _ in range(LOOKS_PER_PICTURE):
        fetched = await run.crew.fetcher.fetch_bytes(
            rendition.url, version=version, expect=likeness(post), replaceable=replaceable
        )
        content = fetched.content
        look = await run.crew.judge.look(content)
        if look.fault is None and fits(look, rendition):
            return look, content
        if look.fault == "too large" or version is not None:  # an original is what was published: no other will come
            break
    return (look if look.fault else Look(fault="wrong dimensions")), content


async def record_look(
    run: Run, post: Post, known: Known, look: Look, arrived: ArrivedRendition | None = None
) -> Sequence[Decision]:
    """Decide, and file the picture, its scores and the decisions together."""
    look, decisions = run.job.ruling(run.crew.judge).judge(run.job.targets, post, look, known.tagger_tags)
    if look.scores and not run.again:
        run.tally.score_seen()
    sighting = Sighting(
        post=post,
        run_id=run.job.run_id,
        attempt=arrived.attempt if arrived else None,
        rendition=arrived.content if arrived and arrived.facts else None,
        stored=arrived.facts if arrived else None,
        look=look,
        models=run.crew.judge.models,
        decisions=decisions,
    )
    await run.crew.archive.file_look(sighting)
    return decisions
