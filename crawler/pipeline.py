"""The main job: list, look, decide, keep, record.

One task lists; many carry a post each from the site to the archive; the judge batches whatever pictures are waiting.
Every queue is bounded, every stage overlaps with the others, and every fault stays with the post that it belongs to.
The crew's members are protocols, so a test hands in its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from crawler.animations.closer_look import closer_look, write_held
from crawler.attempts import attempting
from crawler.decisions import doubt, effective, is_refused
from crawler.errors import CrawlError, Forbidden, GoneError, PostError, StillUnavailable
from crawler.judge import with_stored_vectors
from crawler.looks.first_look import look_first, needs_larger
from crawler.looks.rendition_look import ArrivedRendition, fetch_and_look, record_look
from crawler.run import Run
from crawler.sources.renditions import renditions_to_score
from crawler.tally import Ended, KeptAs, Outcome
from crawler.work_queue import decided_by_others, posts_to_do
from storage.archive_records import ListedPage, StoredFacts
from storage.errors import RefusedFile
from storage.records import (
    ORIGINAL,
    Decision,
    DecisionValue,
    Known,
    Look,
    Place,
    Post,
    Rendition,
    RunError,
)

SUSPECT_AFTER = 2  # deaths of the program with a post in flight; from then on it is carried alone, after all others
CONVICTED_AFTER = 3  # deaths of the program with nothing else in flight: the post itself is to blame


async def crawl(run: Run) -> None:
    """Carry every post of the job from the site to the archive.

    Raises:
        CrawlError, or the storage's or classifier's own error: what ended the run early. Work in flight is
        finished or dropped whole before it is raised.
    """
    await _carry_everything(run, posts_to_do(run))


async def carry(run: Run, posts: AsyncIterator[tuple[Post, Known]]) -> None:
    """Carry other posts than a crawl would list, in the same way.

    Raises:
        as `crawl` does.
    """
    await _carry_everything(run, posts)


async def decide_again(run: Run) -> None:
    """Decide once more what the listing's posts were decided by other models than those that are in force now.

    Pictures and embeddings that are stored are looked at, and the site is asked for nothing but originals that are to
    be kept now. Those that are kept no more stay where they are, as with every crawl by another model.

    Raises:
        as `crawl` does.
    """
    run.again = True
    await _carry_everything(run, decided_by_others(run))


async def _carry_everything(run: Run, posts: AsyncIterator[tuple[Post, Known]]) -> None:
    run.suspects.clear()
    lister = asyncio.create_task(_list(run, posts), name="lister")
    carriers = [asyncio.create_task(_carry_all(run), name=f"carrier-{n}") for n in range(run.job.in_flight)]
    last = asyncio.create_task(_carry_suspects(run, carriers), name="suspects")
    everybody = [lister, *carriers, last]
    try:
        await _finish_or_stop(run, everybody)
    finally:
        for task in everybody:
            task.cancel()
        await asyncio.gather(*everybody, return_exceptions=True)
    if run.fatal is not None:
        raise run.fatal


async def _finish_or_stop(run: Run, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the work; once a stop is asked for, no longer than the grace period."""
    stopping = asyncio.create_task(run.stop.wait())
    pending: set[asyncio.Task[None]] = set(tasks)
    try:
        while pending and not stopping.done():
            _, waiting = await asyncio.wait({*pending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            pending.intersection_update(waiting)
        if pending:
            await asyncio.wait(pending, timeout=run.job.grace_s)
    finally:
        stopping.cancel()
    for task in tasks:
        if task.done() and not task.cancelled():
            task.result()  # a bug in a task must not go unnoticed


# --- listing -------------------------------------------------------------------------------------------------------


async def _list(run: Run, posts: AsyncIterator[tuple[Post, Known]]) -> None:
    """Fill the queue: first with what an earlier run left open, then with what the site lists."""
    try:
        async for post, known in posts:
            run.tally.listed += post.id not in run.earlier
            await run.queue.put((post, known))
            if run.stop.is_set() or run.limit_reached:
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


# --- one post -------------------------------------------------------------------------------------------------------


async def _carry_all(run: Run) -> None:
    """Carry posts until the queue ends; once the run is stopped, only drain it so that the lister can end."""
    while (item := await run.queue.get()) is not None:
        run.tally.in_flight += 1
        try:
            await _carry_item(run, item)
        finally:
            run.tally.in_flight -= 1
            run.queue.task_done()
    run.queue.task_done()


async def _carry_item(run: Run, item: tuple[Post, Known]) -> None:
    if run.stop.is_set():
        return
    if item[1].open_attempts >= SUSPECT_AFTER:
        run.suspects.append(item)
    else:
        await _carry(run, *item)


async def _carry_suspects(run: Run, carriers: Sequence[asyncio.Task[None]]) -> None:
    """When all others are done: one at a time, so that a crash can be attributed to its post."""
    await asyncio.wait(carriers)
    for post, known in run.suspects:
        if not run.stop.is_set():
            await _carry(run, post, known)


async def _carry(run: Run, post: Post, known: Known) -> None:
    """Process one post; an error of its own does not end the run, only a `RunError` does."""
    try:
        ended = await _look_and_keep(run, post, known)
    except RunError as error:
        run.abort(error)
    except (CrawlError, RefusedFile) as error:
        gone = isinstance(error, PostError) and error.state == "unavailable"
        run.end(post, Ended(Outcome.GONE if gone else Outcome.FAILED, str(error)))
        run.crew.note(post, error)
    except Exception as error:  # noqa: BLE001 - a bug of ours, contained to this post
        run.tally.bugs += 1
        run.end(post, Ended(Outcome.FAILED, f"bug: {type(error).__name__}"))
        run.crew.note(post, error)
    else:
        run.end(post, ended)
    finally:
        run.held.pop(post.id, None)


async def _look_and_keep(run: Run, post: Post, known: Known) -> Ended:
    if post.file is None:
        return Ended(Outcome.HIDDEN, post.hidden_reason)
    try:
        return await _decide_and_keep(run, post, known)
    except PostError as error:
        fresh = await _replaced(run, post) if error.ask_again else None
        if fresh is None:
            raise
    same = fresh.file is not None and fresh.file.md5 == post.file.md5
    return await _decide_and_keep(run, fresh, known if same else Known(labels={}))


async def _replaced(run: Run, post: Post) -> Post | None:
    """The post as it is now, when its file was replaced or moved since it was listed; None too when the site cannot
    say."""
    try:
        fresh = await run.crew.source.again(post)
    except RunError:
        raise
    except CrawlError:
        return None
    if fresh is None or fresh.file is None or post.file is None:
        return None
    if (fresh.file, fresh.renditions) == (post.file, post.renditions):
        return None
    await run.crew.archive.file_page(run.listing_id, ListedPage([fresh], (), None, run.job.run_id))
    return fresh


async def _decide_and_keep(run: Run, post: Post, known: Known) -> Ended:
    decisions = _current_decisions(run, post, known)
    if decisions is None and _is_passed_over(run, post, known):
        return Ended(Outcome.SEEN)
    if decisions is None:
        run.tally.bytes_if_all += 0 if run.again else post.size
        decisions = await _look(run, post, known)
    else:
        run.tally.known += 1
    values = {d.target: effective(d.value, known.labels.get(d.target)) for d in decisions}
    models = tuple(decision.model for decision in decisions if decision.model)
    wanted = [target.name for target in run.job.targets if values.get(target.name) is DecisionValue.KEEP]
    if wanted:
        if not await _keep(run, post, known, wanted):
            return Ended(Outcome.SEEN, "to be kept", models)
        return Ended(Outcome.KEPT, None, models, kept_as=_kept_as(run, post, wanted))
    refused = tuple(d.model or "" for d in decisions if is_refused(d) and values[d.target] is d.value)
    undecided = [doubt(d) for d in decisions if values[d.target] is DecisionValue.UNDECIDED]
    if undecided:
        return Ended(Outcome.UNDECIDED, undecided[0], models, refused_by=refused)
    if run.job.score_on == ORIGINAL:
        await _discard(run, post, known)
    return Ended(Outcome.DELETED, None, models, refused_by=refused)


def _is_passed_over(run: Run, post: Post, known: Known) -> bool:
    """Whether another program has the post's file, and there is nothing here that could be looked at."""
    if not known.seen or known.rendition is not None or known.embeddings:
        return False
    return not (run.job.seen and _renditions(run, post, known))


def _renditions(run: Run, post: Post, known: Known) -> Sequence[Rendition]:
    """What of a post may be fetched to be looked at; not its original, where another program has that."""
    found = renditions_to_score(post, run.job.score_on)
    return [one for one in found if one.name != ORIGINAL] if known.seen else found


def _kept_as(run: Run, post: Post, wanted: Sequence[str]) -> KeptAs:
    if any(target.name in wanted and target.named_by(post.tags) for target in run.job.targets):
        return KeptAs.TAGGED
    return KeptAs.OTHERS if post.tags.shown() else KeptAs.NOBODY


def _current_decisions(run: Run, post: Post, known: Known) -> Sequence[Decision] | None:
    """The decisions of an earlier run, when this run's models and rules would decide on the same facts again."""
    ruling = run.job.ruling(run.crew.judge)
    found = []
    for target in run.job.targets:
        decision = known.decisions.get(target.name)
        if decision is None or not ruling.still_holds(decision, target, post, known.tagger_tags):
            return None
        found.append(decision)
    return found


async def _look(run: Run, post: Post, known: Known) -> Sequence[Decision]:
    """Score the post's picture, or its stored embedding, and record what follows from it."""
    if known.died_alone >= CONVICTED_AFTER:
        return await record_look(run, post, known, Look(fault="crashed"))
    renditions = _renditions(run, post, known)
    decisions = await _look_at_stored(run, post, known, renditions)
    if decisions is not None:
        return decisions
    if not renditions:
        return await record_look(run, post, known, Look(fault="unsupported"))
    _refuse_in_vain(known)
    decisions = await look_first(run, post, known, renditions)
    if decisions is not None:
        return decisions
    for rendition in renditions[:-1]:
        try:
            return await _look_at(run, post, known, rendition, replaceable=True)
        except (GoneError, Forbidden):
            continue  # recorded; another one may be there
    return await _look_at(run, post, known, renditions[-1])


async def _look_at_stored(
    run: Run, post: Post, known: Known, renditions: Sequence[Rendition]
) -> Sequence[Decision] | None:
    """Look at the stored embedding or rendition; None: there is none, or what is fetched now shows more."""
    backbones = {card.backbone_hash for card in run.crew.judge.models.values()}
    there = known.rendition
    if _shows_more(known, renditions):
        return None
    if backbones and backbones <= set(known.embeddings):
        look = await _recall(run, post, known)
        if look.fault or look.scores.keys() >= run.crew.judge.models.keys():  # else other models took over meanwhile
            larger = needs_larger(run, post, known, look, renditions)
            return None if larger else await record_look(run, post, known, look)
    if there is not None and there.name == ORIGINAL and not there.width and run.job.score_on != ORIGINAL:
        there = None  # it is no picture; the renditions may be
    stored = there and await run.crew.archive.read_rendition(there)
    if not stored:
        return None
    look = await closer_look(run, post, known, await run.crew.judge.look(stored), stored)
    look = await with_stored_vectors(run.crew.judge, look, known)
    return None if needs_larger(run, post, known, look, renditions) else await record_look(run, post, known, look)


def _shows_more(known: Known, renditions: Sequence[Rendition]) -> bool:
    """Whether the faces that were too small to see are larger in what is scored now."""
    stored = known.rendition
    return known.too_small and stored is not None and bool(renditions) and renditions[0].width > stored.width


async def _recall(run: Run, post: Post, known: Known) -> Look:
    """The stored embeddings under this run's models."""
    views = {backbone: whole + known.windows.get(backbone, b"") for backbone, whole in known.embeddings.items()}
    look = replace(await run.crew.judge.recall(views), too_small=known.too_small)
    return await closer_look(run, post, known, look, views)


async def _look_at(
    run: Run, post: Post, known: Known, rendition: Rendition, *, replaceable: bool = False
) -> Sequence[Decision]:
    """Fetch one rendition, score it, and record what follows from it."""
    before = known.failed_attempts
    async with attempting(run.crew.archive, post, "rendition", rendition.url, failed_before=before) as attempt:
        look, content = await fetch_and_look(run, post, rendition, replaceable=replaceable)
        look = await closer_look(run, post, known, look, content)
        whole = look.fault is None or rendition.name == ORIGINAL  # then the bytes are the published ones
        look = await with_stored_vectors(run.crew.judge, look, known)
        facts = StoredFacts(rendition.name, look.format or rendition.ext, look.width, look.height) if whole else None
        return await record_look(run, post, known, look, ArrivedRendition(attempt, content, facts))


async def _keep(run: Run, post: Post, known: Known, wanted: Sequence[str]) -> bool:
    """Fetch the original for every target that keeps it and has it not yet; False: another program has it."""
    missing = [name for name in wanted if known.places.get(name, Place.NONE) is not Place.GALLERY]
    if not missing or post.file is None:
        return True
    if await run.crew.archive.adopt_known_original(post, missing):
        return True
    if known.seen:
        return False
    _refuse_in_vain(known)
    before = known.failed_attempts
    async with attempting(run.crew.archive, post, ORIGINAL, post.file.url, failed_before=before) as attempt:
        held = run.held.get(post.id)
        if held is not None:
            digest = await write_held(held, attempt.staging)
        else:
            digest = await run.crew.fetcher.fetch_file(post.file.url, attempt.staging, version=post.file)
        await run.crew.archive.file_original(attempt, post, missing, digest)
    return True


def _refuse_in_vain(known: Known) -> None:
    """Do not ask for ever for what an earlier run found gone."""
    if known.unavailable is not None:
        raise StillUnavailable(known.unavailable)


async def _discard(run: Run, post: Post, known: Known) -> None:
    """The original was fetched to be scored: it goes to the trash, by its decision. Where it lies there, it stays."""
    places = {target.name: known.places.get(target.name, Place.NONE) for target in run.job.targets}
    new = [name for name, place in places.items() if place is Place.NONE]
    if new and not await run.crew.archive.adopt_known_original(post, new):
        return
    left = [name for name, place in places.items() if place is Place.GALLERY]  # by a crawl that was killed here
    if new or left:
        await run.crew.archive.trash_original(post, [*new, *left])
