"""What a run has to do, in order: what was left open, ranges that were missing, then what the site lists."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from crawler.attempts import attempting
from crawler.errors import GoneError, TransientError
from crawler.run import Run
from crawler.tally import Ended, Outcome
from storage.archive_records import ListedPage, Work
from storage.records import ORIGINAL, Known, Post

RESUME_CHUNK = 200  # posts that are read back from the database at a time


async def posts_to_do(run: Run) -> AsyncIterator[tuple[Post, Known]]:
    """Every post of the job, with what is known of it, each once."""
    job, archive = run.job, run.crew.archive
    listing = await archive.open_listing(job.site, job.query, newer_only=job.newer_only)
    run.listing_id = listing.id
    resumed: set[int] = set()
    async for listed in left_open(run):
        posts = await _where_they_are_now(run, listed)
        resumed.update(post.id for post in posts)
        for item in await with_knowledge(run, posts):
            yield item
    async for posts in once_missing(run):
        fresh = [post for post in posts if post.id not in resumed]
        resumed.update(post.id for post in fresh)
        for item in await with_knowledge(run, fresh):
            yield item
    floor = listing.newest if job.newer_only else None
    unwanted = 0  # posts that the site listed and our own terms left out
    async for page in run.crew.source.walk(start=listing.cursor, floor=floor):
        posts = [post for post in page.posts if job.wants(post)]
        unwanted += len(page.posts) - len(posts)
        run.tally.refused += len(page.refused)
        if page.gap is not None:
            run.tally.gaps += 1
            await archive.file_gap(listing.id, page.gap)
        await archive.file_page(listing.id, ListedPage(posts, page.refused, page.cursor, job.run_id))
        for item in await with_knowledge(run, [post for post in posts if post.id not in resumed]):
            yield item
    whole = listing.cursor is None and floor is None
    counted = job.counted if whole or not job.checked_here else None  # what another run left out is not known
    walk = await archive.finish_listing(listing.id, counted)
    run.walk = replace(walk, listed=walk.listed + unwanted)


async def decided_by_others(run: Run) -> AsyncIterator[tuple[Post, Known]]:
    """Posts of the run's listing that other models have decided, where what they saw is stored.

    What was listed and never decided is left to the next crawl: this one may have been stopped before it.
    """
    async for listed in left_open(run):
        for post, known in await with_knowledge(run, await _where_they_are_now(run, listed)):
            if _is_anothers(run, known) and _is_stored(run, known):
                yield post, known


def _is_anothers(run: Run, known: Known) -> bool:
    """Whether a model that is not in force has decided the post for any target."""
    in_force = {name: card.hash for name, card in run.crew.judge.models.items()}
    return any(decision.model_hash != in_force.get(name) for name, decision in known.decisions.items())


def _is_stored(run: Run, known: Known) -> bool:
    """Whether the models in force can look at the post without asking the site."""
    backbones = {card.backbone_hash for card in run.crew.judge.models.values()}
    return known.rendition is not None or backbones <= known.embeddings.keys()


async def left_open(run: Run) -> AsyncIterator[Sequence[Post]]:
    """What an earlier run listed and did not finish, newest first."""
    below: int | None = None
    while True:
        posts = await run.crew.archive.unfinished(run.listing_id, _work(run), below=below, limit=RESUME_CHUNK)
        if not posts:
            return
        below = posts[-1].id
        yield posts


async def _where_they_are_now(run: Run, posts: Sequence[Post]) -> Sequence[Post]:
    """Posts of an earlier run with addresses that hold: a site of one's own may have another port or name by now."""
    try:
        moved = await run.crew.source.moved(posts)
    except TransientError:
        return posts  # each then fails by itself, and stays open
    fresh = [post for post in moved.values() if post is not None]
    if fresh:
        await run.crew.archive.file_page(run.listing_id, ListedPage(fresh, (), None, run.job.run_id))
    for post in posts:
        if moved.get(post.id, post) is None:
            await _gone(run, post)
    return [now for post in posts if (now := moved.get(post.id, post)) is not None]


async def _gone(run: Run, post: Post) -> None:
    """The site does not know the post any more."""
    run.tally.listed += post.id not in run.earlier
    run.end(post, Ended(Outcome.GONE, "gone"))
    with contextlib.suppress(GoneError):
        async with attempting(run.crew.archive, post, ORIGINAL, post.file.url if post.file else ""):
            raise GoneError


async def once_missing(run: Run) -> AsyncIterator[Sequence[Post]]:
    """The id ranges that an earlier run could not list, tried again."""
    archive = run.crew.archive
    for gap in await archive.open_gaps(run.listing_id):
        whole = True
        async for page in run.crew.source.walk(start=gap.below, floor=gap.above):
            whole = whole and page.gap is None
            posts = [post for post in page.posts if run.job.wants(post)]
            await archive.file_page(run.listing_id, ListedPage(posts, page.refused, None, run.job.run_id))
            yield posts
        if whole:
            await archive.close_gap(run.listing_id, gap)
        else:
            run.tally.gaps += 1


async def with_knowledge(run: Run, posts: Sequence[Post]) -> list[tuple[Post, Known]]:
    """Posts, each with what is known of it for the run's targets."""
    known = await run.crew.archive.known(posts, [target.name for target in run.job.targets])
    return [(post, known.get(post.id) or Known()) for post in posts]


def _work(run: Run) -> Work:
    cards = run.crew.judge.models
    return Work(
        targets=tuple(target.name for target in run.job.targets),
        model_hashes={name: card.hash for name, card in cards.items()},
        seen=run.job.seen,
    )
