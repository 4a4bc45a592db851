"""A closer look at what moves: where the preview leaves a doubt, several frames of the file are looked at as well.

A preview shows one moment; the target may come a second later. The file is fetched only in doubt, only where it is
small, and once: where it turns out to be kept, the bytes are the original. The frames' embeddings are stored like the
windows of a long picture, so every later model judges by them too, and nothing is fetched a second time.

What cannot be fetched or decoded changes nothing: the preview's look holds. Nothing here deletes.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from crawler.decisions import TAG_DOUBTED, is_refused
from crawler.errors import CrawlError
from crawler.run import Run
from storage.archive_records import Digest
from storage.database.error_translation import at_border
from storage.files.single_files import UMASK_FILE
from storage.records import DecidedBy, Decision, DecisionValue, Known, Look, Post, RunError

DOUBTED_FROM = 0.1  # of the threshold: a preview that scores less shows somebody else, or hardly anything


async def closer_look(run: Run, post: Post, known: Known, look: Look, seen: bytes | Mapping[str, bytes]) -> Look:
    """The look at a preview, or, where that leaves a doubt, one at several frames of the file too.

    Args:
        run: the run.
        post: whose preview it is.
        known: what the gallery knows of it.
        look: at its preview.
        seen: the preview, or its stored embeddings: what was looked at.
    """
    policy = run.job.animation
    if look.fault or look.windows or known.windows or known.seen or not policy.may_fetch(post) or post.file is None:
        return look
    _, decisions = run.job.ruling(run.crew.judge).judge(run.job.targets, post, look, known.tagger_tags)
    if not any(map(is_doubtful, decisions)):
        return look
    try:
        content = (await run.crew.fetcher.fetch_bytes(post.file.url, version=post.file)).content
    except RunError:
        raise
    except CrawlError:
        content = b""  # the preview has to do; looked at anew, because another judge may be in place by now
    inside = await run.crew.judge.look_inside(seen, content, policy.frames)
    if content:
        run.tally.looked_inside += 1
        run.held[post.id] = content
    return _as_whole(inside, look)


def is_doubtful(decision: Decision) -> bool:
    """Whether another moment of the file might change a decision that was made on one."""
    if decision.reason == TAG_DOUBTED:
        return True
    if decision.decided_by is not DecidedBy.SCORE or is_refused(decision) or decision.value is DecisionValue.KEEP:
        return False
    score, threshold = decision.score, decision.threshold
    return score is not None and threshold is not None and score >= DOUBTED_FROM * threshold


async def write_held(content: bytes, into: Path) -> Digest:
    """An original that is in memory already, into a file that is not there yet.

    Raises:
        StorageError: the disk refuses.
    """
    with at_border(into):
        await asyncio.to_thread(_write_new, content, into)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return Digest(len(content), md5, hashlib.sha256(content).hexdigest())


def _write_new(content: bytes, into: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(into, flags, UMASK_FILE), "wb") as file:
        file.write(content)


def _as_whole(inside: Look, look: Look) -> Look:
    """A look at frames with what only the preview says."""
    return replace(
        inside,
        width=look.width,
        height=look.height,
        format=look.format,
        picture_hash=look.picture_hash,
        tagger_tags=look.tagger_tags,
        too_small=look.too_small,
    )
