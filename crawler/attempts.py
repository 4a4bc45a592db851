"""Every attempt to fetch something is recorded before it starts and closed however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from crawler.crew import ArchiveProtocol
from crawler.errors import PostError
from storage.archive_records import Attempt, Failure
from storage.records import Post

GIVE_UP_AFTER = 4  # failed attempts before this one; each run makes one


@asynccontextmanager
async def attempting(
    archive: ArchiveProtocol, post: Post, kind: str, url: str, *, failed_before: int = 0
) -> AsyncIterator[Attempt]:
    """Open an attempt; record its failure, if it fails, without hiding it from the caller.

    What the site has not served in so many attempts is given up: it counts as gone, and is asked for ever more rarely.

    An attempt that is never closed means that the program died in it: that is how a picture which kills the program
    each time is found. A stop asked for by the user is closed as such and does not count.
    """
    attempt = await archive.begin_attempt(post, kind, url)
    try:
        yield attempt
    except asyncio.CancelledError:
        await asyncio.shield(archive.fail_attempt(attempt, Failure("stopped", "retry")))
        raise
    except PostError as error:
        if error.lasting and failed_before >= GIVE_UP_AFTER:
            error.state = "unavailable"
        await archive.fail_attempt(attempt, Failure(error.reason, error.state))
        raise
    except Exception as error:
        await archive.fail_attempt(attempt, Failure(type(error).__name__, "retry"))
        raise
