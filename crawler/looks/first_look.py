"""A smaller rendition is looked at first; the larger one is fetched only where that leaves a doubt.

What a sure look at the small one decides is recorded with it, and the stored rendition is the one that was judged. Of a
doubtful look nothing is recorded but that the rendition was fetched: a run that is killed in between begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from crawler.attempts import attempting
from crawler.errors import Forbidden, GoneError
from crawler.judge import with_stored_vectors
from crawler.looks.margin import is_doubtful
from crawler.looks.rendition_look import ArrivedRendition, fetch_and_look, record_look
from crawler.run import Run
from crawler.sources.renditions import rendition_to_look_first
from storage.archive_records import Sighting, StoredFacts
from storage.records import ORIGINAL, Decision, Known, Look, Post, Rendition


async def look_first(run: Run, post: Post, known: Known, renditions: Sequence[Rendition]) -> Sequence[Decision] | None:
    """Look at a smaller rendition, where there is one; None: there is none, or it leaves a doubt.

    What leaves a doubt is not recorded, but that it was fetched.
    """
    small = _small(run, post, renditions)
    passed = known.rendition is not None or not run.crew.judge.models or run.job.animation.may_fetch(post)
    if small is None or passed or post.file is None:
        return None
    before = known.failed_attempts
    try:
        async with attempting(run.crew.archive, post, "rendition", small.url, failed_before=before) as attempt:
            look, content = await fetch_and_look(run, post, small, replaceable=True)
            look = await with_stored_vectors(run.crew.judge, look, known)
            run.tally.looked_first += 1
            decisions = _decided(run, post, known, look)
            if not is_doubtful(decisions, run.crew.judge.models):
                facts = StoredFacts(small.name, look.format or small.ext, look.width, look.height)
                arrived = ArrivedRendition(attempt, content, facts)
                return await record_look(run, post, known, look, arrived)
            run.tally.looked_twice += 1
            fetched = Look(fault=look.fault)
            await run.crew.archive.file_look(
                Sighting(post=post, run_id=run.job.run_id, attempt=attempt, look=fetched, decisions=())
            )
            return None
    except (GoneError, Forbidden):
        return None


def needs_larger(run: Run, post: Post, known: Known, look: Look, renditions: Sequence[Rendition]) -> bool:
    """Whether what is stored is a smaller rendition that was looked at first, and leaves a doubt to these models."""
    stored, small = known.rendition, _small(run, post, renditions)
    if run.again or known.unavailable is not None or stored is None or small is None or stored.name != small.name:
        return False
    return is_doubtful(_decided(run, post, known, look), run.crew.judge.models)


def _small(run: Run, post: Post, renditions: Sequence[Rendition]) -> Rendition | None:
    """What is looked at first; nothing where originals are scored: those of rejected posts go to the trash."""
    if run.job.score_on == ORIGINAL:
        return None
    return rendition_to_look_first(post, run.job.look_first, renditions)


def _decided(run: Run, post: Post, known: Known, look: Look) -> Sequence[Decision]:
    """What a look decides, as it would be recorded."""
    return run.job.ruling(run.crew.judge).judge(run.job.targets, post, look, known.tagger_tags)[1]
