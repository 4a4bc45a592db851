"""The main job on one page: list, look, decide, keep, record.

One task lists; many carry a post each from the site to the archive; the judge batches whatever pictures are waiting.
Every queue is bounded, every stage overlaps with the others, and every fault stays with the post that it belongs to.
The crew's members are protocols, so a test hands in its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from crawler.attempts import attempting
from crawler.crew import Crew, Job
from crawler.deciding import effective
from crawler.errors import CrawlError, PostError, TransientError
from crawler.renditions import fits, rendition_to_score
from crawler.tally import Outcome, Tally
from storage.archive import Sighting, StoredFacts, Work
from storage.records import ORIGINAL, Decision, DecisionValue, Known, Look, Place, Post, Rendition

GRACE_S = 8.0  # after a stop request, how long the posts in flight may take to finish
LOOKS_PER_PICTURE = 2  # a rendition that arrives damaged is fetched once more before it counts as the site's own fault
CRASHES_ALLOWED = 2  # a post whose processing killed the program this often is not tried again


@dataclass(slots=True)
class Run:
    """One run's moving parts."""

    job: Job
    crew: Crew
    tally: Tally
    stop: asyncio.Event  # set by the user's Ctrl-C, or by the first error that concerns the whole run
    queue: asyncio.Queue[tuple[Post, Known] | None] = field(default_factory=lambda: asyncio.Queue(400))
    listing_id: int = 0
    fatal: BaseException | None = None

    def abort(self, error: BaseException) -> None:
        """End the run for a reason that no single post can contain."""
        if self.fatal is None:
            self.fatal = error
        self.stop.set()


async def crawl(run: Run) -> None:
    """Carry every post of the job from the site to the archive.

    Raises:
        CrawlError, or the storage's or classifier's own error: what ended the run early. Work in flight is
        finished or dropped whole before it is raised.
    """
    lister = asyncio.create_task(_list(run), name="lister")
    carriers = [asyncio.create_task(_carry_all(run), name=f"carrier-{n}") for n in range(run.job.in_flight)]
    try:
        await _finish_or_stop(run, [lister, *carriers])
    finally:
        for task in (lister, *carriers):
            task.cancel()
        await asyncio.gather(lister, *carriers, return_exceptions=True)
    if run.fatal is not None:
        raise run.fatal


async def _finish_or_stop(run: Run, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the work; once a stop is asked for, no longer than the grace period."""
    stopping = asyncio.create_task(run.stop.wait())
    everything = asyncio.gather(*tasks)
    try:
        await asyncio.wait({everything, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            await asyncio.wait({everything}, timeout=GRACE_S)
        if everything.done():
            everything.result()  # a bug in a task of ours must not pass unseen
        else:
            everything.cancel()
    finally:
        stopping.cancel()


# --- listing -------------------------------------------------------------------------------------------------------


async def _list(run: Run) -> None:
    """Feed the queue: first what an earlier run left open, then what the site lists."""
    try:
        async for post, known in _posts_to_do(run):
            run.tally.listed += 1
            run.tally.bytes_if_all += post.size
            await run.queue.put((post, known))
            if run.stop.is_set() or run.tally.listed == run.job.limit:
                break
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever ends the listing ends the run, and is raised by `crawl`
        run.abort(error)
    finally:
        for _ in range(run.job.in_flight):
            await _put_end(run.queue)


async def _put_end(queue: asyncio.Queue[tuple[Post, Known] | None]) -> None:
    """Tell one carrier that nothing more comes."""
    try:
        await queue.put(None)
    except asyncio.CancelledError:
        return


async def _posts_to_do(run: Run) -> AsyncIterator[tuple[Post, Known]]:
    job, archive = run.job, run.crew.archive
    listing = await archive.open_listing(job.site, job.query, newer_only=job.newer_only)
    run.listing_id = listing.id
    resumed: set[int] = set()
    below: int | None = None
    while posts := await archive.unfinished(listing.id, _work(run), below=below, limit=200):
        below = posts[-1].id
        resumed.update(post.id for post in posts)
        for item in await _with_knowledge(run, posts):
            yield item
    async for page in run.crew.source.walk(start=listing.cursor, floor=listing.newest if job.newer_only else None):
        posts = [post for post in page.posts if job.wants(post)]
        run.tally.refused += len(page.refused)
        if page.gap is not None:
            run.tally.gaps += 1
            await archive.file_gap(listing.id, page.gap)
        await archive.file_page(listing.id, page.to_file(posts, job.run_id))
        for item in await _with_knowledge(run, [post for post in posts if post.id not in resumed]):
            yield item
    await archive.finish_listing(listing.id, run.tally.expected)


async def _with_knowledge(run: Run, posts: Sequence[Post]) -> list[tuple[Post, Known]]:
    known = await run.crew.archive.known(posts, [target.name for target in run.job.targets])
    return [(post, known.get(post.id) or Known()) for post in posts]


def _work(run: Run) -> Work:
    cards = run.crew.judge.models
    return Work(
        targets=tuple(target.name for target in run.job.targets),
        model_hashes={name: card.hash for name, card in cards.items()},
    )


# --- one post's journey --------------------------------------------------------------------------------------------


async def _carry_all(run: Run) -> None:
    """Carry posts until the queue ends or the run is stopped."""
    while (item := await run.queue.get()) is not None:
        if run.stop.is_set():
            continue  # drain, so that the lister can end
        run.tally.in_flight += 1
        try:
            await _carry(run, *item)
        finally:
            run.tally.in_flight -= 1


async def _carry(run: Run, post: Post, known: Known) -> None:
    """One post's journey, with every fault that is its own contained."""
    try:
        outcome, reason = await _look_and_keep(run, post, known)
    except (PostError, TransientError) as error:
        run.tally.end(Outcome.FAILED, str(error))
        run.crew.log.post_failed(post, error)
    except CrawlError as error:
        run.abort(error)
    except Exception as error:  # noqa: BLE001 - contained to the post, counted, and the run then exits with 1
        if run.crew.stops_the_run(error):
            run.abort(error)
            return
        run.tally.bugs += 1
        run.tally.end(Outcome.FAILED, f"bug: {type(error).__name__}")
        run.crew.log.post_failed(post, error)
    else:
        run.tally.end(outcome, reason)


async def _look_and_keep(run: Run, post: Post, known: Known) -> tuple[Outcome, str | None]:
    if post.file is None:
        return Outcome.HIDDEN, post.hidden_reason
    decisions = _standing(run, post, known)
    if decisions is None:
        decisions = await _look(run, post, known)
    else:
        run.tally.known += 1
    values = {d.target: effective(d.value, known.labels.get(d.target)) for d in decisions}
    wanted = [t.name for t in run.job.targets if values.get(t.name) is DecisionValue.KEEP]
    if wanted:
        await _keep(run, post, known, wanted)
        return Outcome.KEPT, None
    undecided = [d.reason for d in decisions if values[d.target] is DecisionValue.UNDECIDED]
    if undecided:
        return Outcome.UNDECIDED, undecided[0]
    if run.job.score_on == ORIGINAL:
        await run.crew.archive.trash_original(post, run.job.run_id)
    return Outcome.DELETED, None


def _standing(run: Run, post: Post, known: Known) -> Sequence[Decision] | None:
    """The decisions of an earlier run, when this run's models and rules would decide on the same facts again."""
    cards = run.crew.judge.models
    found = []
    for target in run.job.targets:
        decision, card = known.decisions.get(target.name), cards.get(target.name)
        tagged = target.named_by(post.tags)
        if decision is None or decision.model_hash != (card.hash if card else None) or decision.score is None:
            return None
        if decision.policy != run.job.policy.identity(card, tagged=tagged):
            return None
        found.append(decision)
    return found


async def _look(run: Run, post: Post, known: Known) -> Sequence[Decision]:
    """Score the post's picture, or its stored embedding, and record what follows from it."""
    if known.open_attempts >= CRASHES_ALLOWED:
        return await _record(run, post, Look(fault="crashed"))
    wanted = {card.backbone_hash for card in run.crew.judge.models.values()}
    if wanted and wanted <= set(known.embeddings):
        look = await run.crew.judge.recall(MappingProxyType(dict(known.embeddings)))
        return await _record(run, post, look)
    rendition = rendition_to_score(post, run.job.score_on)
    if rendition is None:
        return await _record(run, post, Look(fault="unsupported"))
    return await _look_at(run, post, rendition)


async def _look_at(run: Run, post: Post, rendition: Rendition) -> Sequence[Decision]:
    async with attempting(run.crew.archive, post, "rendition", rendition.url) as attempt:
        for _ in range(LOOKS_PER_PICTURE):
            fetched = await run.crew.fetcher.fetch_bytes(rendition.url, version=_version_of(post, rendition))
            run.tally.bytes_renditions += len(fetched.content)
            look = await run.crew.judge.look(fetched.content)
            if look.fault in {None, "too large"} and fits(look, rendition):
                break
        else:
            look = look if look.fault else Look(fault="wrong dimensions")
        stored = None
        if look.fault is None:
            stored = StoredFacts(rendition.name, look.format or rendition.ext, look.width, look.height)
        decisions = run.crew.ruling.decide_all(run.job.targets, post.tags, look)
        if look.scores:
            run.tally.score_seen()
        await run.crew.archive.file_look(
            Sighting(
                post=post,
                run_id=run.job.run_id,
                attempt=attempt,
                rendition=fetched.content if stored else None,
                stored=stored,
                look=look,
                models=run.crew.judge.models,
                decisions=decisions,
            )
        )
    return decisions


def _version_of(post: Post, rendition: Rendition) -> Post | None:
    """The post whose published md5 and size the bytes must have; renditions have none."""
    return post if rendition.name == ORIGINAL else None


async def _record(run: Run, post: Post, look: Look) -> Sequence[Decision]:
    """Record what was decided without fetching a picture."""
    decisions = run.crew.ruling.decide_all(run.job.targets, post.tags, look)
    if look.scores:
        run.tally.score_seen()
    await run.crew.archive.file_look(
        Sighting(
            post=post,
            run_id=run.job.run_id,
            attempt=None,
            rendition=None,
            stored=None,
            look=look,
            models=run.crew.judge.models,
            decisions=decisions,
        )
    )
    return decisions


async def _keep(run: Run, post: Post, known: Known, wanted: Sequence[str]) -> None:
    """Bring the original home for every target that wants it and has it not yet."""
    missing = [name for name in wanted if known.places.get(name, Place.NONE) is not Place.GALLERY]
    if not missing or post.file is None:
        return
    if await run.crew.archive.adopt_known_original(post, missing):
        return
    async with attempting(run.crew.archive, post, ORIGINAL, post.file.url) as attempt:
        digest = await run.crew.fetcher.fetch_file(post.file.url, attempt.staging, version=post.file)
        run.tally.bytes_originals += digest.size
        await run.crew.archive.file_original(attempt, post, missing, digest)
